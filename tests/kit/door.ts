import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

export interface Answer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly text: string;
}

/** One request with exactly this path and these headers: nothing is normalised, as an attacker's would not be. */
export async function ask(
	url: string,
	method: string,
	path: string,
	{ headers = {}, body }: { headers?: Readonly<Record<string, string>>; body?: string | Buffer } = {},
): Promise<Answer> {
	const { hostname, port } = new URL(url);
	const sent = request({ host: hostname.replace(/[[\]]/g, ""), port, method, path, agent: false, headers });
	sent.end(body);
	const [response] = (await once(sent, "response")) as [IncomingMessage];
	return { status: response.statusCode ?? 0, headers: response.headers, text: await textOf(response) };
}

/** A WebSocket upgrade: 101, or how it was refused. */
export async function askUpgrade(url: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
	const { hostname, port } = new URL(url);
	const upgrade = {
		connection: "Upgrade",
		upgrade: "websocket",
		"sec-websocket-version": "13",
		"sec-websocket-key": randomBytes(16).toString("base64"),
	};
	const sent = request({ host: hostname, port, path, agent: false, headers: { ...upgrade, ...headers } });
	sent.end();
	return new Promise((resolve, reject) => {
		sent.once("error", reject);
		sent.once("upgrade", (response, socket) => {
			socket.destroy();
			resolve({ status: 101, headers: response.headers, text: "" });
		});
		sent.once("response", async (response) => {
			resolve({ status: response.statusCode ?? 0, headers: response.headers, text: await textOf(response) });
		});
	});
}

async function textOf(response: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of response) chunks.push(chunk);
	return Buffer.concat(chunks).toString("utf8");
}

/** What the process keeps in memory now, in bytes. Linux. */
export function residentBytes(pid: number): number {
	return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** Sockets that the process holds, listening ones too. Linux. */
export function socketsOf(pid: number): string[] {
	return readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
		try {
			return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1] ?? [];
		} catch {
			return [];
		}
	});
}

/** The addresses where the process takes TCP connections, in the kernel's hex notation. Linux. */
export function listeningOn(pid: number): string[] {
	const own = new Set(socketsOf(pid));
	return ["tcp", "tcp6"].flatMap((table) =>
		readFileSync(`/proc/${pid}/net/${table}`, "utf8")
			.split("\n")
			.slice(1)
			.map((line) => line.trim().split(/\s+/))
			.filter(([, , , state, , , , , , inode]) => state === "0A" && own.has(inode ?? ""))
			.map(([, local = ""]) => local.split(":")[0]!),
	);
}

/** Resolves when it holds. Fails after 20 s. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
	for (let tries = 0; tries < 400; tries++) {
		if (await holds()) return;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	throw new Error(`never happened: ${what}`);
}
