import { connect as connectTcp } from "node:net";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSecret, encodeToken } from "#host/token/token.ts";
import { ask, askUpgrade, eventually, listeningOn } from "../kit/door.ts";
import { Fleet } from "../kit/fleet.ts";
import { Machine } from "../kit/machine.ts";

/** Every way in, as the served document names it, and the two upgrades that it cannot name. */
interface Door {
	readonly method: string;
	/** With its parameters as `{name}`. */
	readonly path: string;
	readonly open: boolean;
	readonly upgrade?: true;
}

const upgrades: readonly Door[] = [
	{ method: "GET", path: "/api/v1/socket", open: false, upgrade: true },
	{ method: "GET", path: "/ws", open: true, upgrade: true },
];
const parameters: Readonly<Record<string, string>> = {
	task: `t_${"0".repeat(26)}`,
	worker: "w1",
	id: "abcdef",
	repository: "0".repeat(32),
	commit: "0".repeat(40),
	digest: "0".repeat(64),
};
const fill = (path: string) => path.replace(/\{(\w+)\}/g, (_, name: string) => parameters[name]!);

let fleet: Fleet;
let admin: string;
let doors: readonly Door[];

beforeAll(async () => {
	fleet = await Fleet.start();
	admin = `Bearer ${(await fleet.token("client", "--role", "admin")).trim()}`;
	const { paths } = JSON.parse((await ask(fleet.url, "GET", "/api/v1/openapi.json")).text);
	const documented = Object.entries(paths as Record<string, Record<string, { security: unknown[] }>>).flatMap(([path, methods]) =>
		Object.entries(methods).map(([method, { security }]) => ({ method: method.toUpperCase(), path, open: security.length === 0 })),
	);
	doors = [...documented, ...upgrades];
	await eventually(async () => (await stateOfFleet()).audit > 0, "the token's making is on record");
});
afterAll(() => fleet[Symbol.asyncDispose]());

const knock = ({ upgrade, method, path }: Door, headers: Record<string, string>) =>
	upgrade ? askUpgrade(fleet.url, fill(path), headers) : ask(fleet.url, method, fill(path), { headers });
const codeOf = (text: string) => JSON.parse(text).code;

async function stateOfFleet() {
	const { tasks } = await fleet.sdk.call("task.list", { limit: 1000 });
	const { tokens } = await fleet.sdk.call("token.list", {});
	const { entries } = await fleet.sdk.call("audit.list", { limit: 1000 });
	return { tasks: tasks.length, tokens, audit: entries.length };
}

describe("at every door", () => {
	it("a foreign Host is refused, whatever the token (DNS rebinding)", async () => {
		expect(doors.length).toBeGreaterThan(25);
		for (const door of doors) {
			for (const host of [
				"evil.test",
				"127.0.0.1.evil.test",
				"evil.test:80",
				"[::1].evil.test",
				"[localhost",
				"localhost:x",
				"169.254.169.254",
			]) {
				const { status, text } = await knock(door, { host, authorization: admin });
				expect([status, codeOf(text)], `${door.method} ${door.path} ${host}`).toEqual([421, "misdirected"]);
			}
		}
	});

	it("a foreign page is refused, whatever the token (cross-site requests and WebSocket hijack)", async () => {
		const before = await stateOfFleet();
		for (const door of doors) {
			for (const headers of [
				{ origin: "https://evil.test" },
				{ origin: "null" },
				{ origin: fleet.url.replace(/\d+$/, "1") },
				{ "sec-fetch-site": "cross-site" },
				{ "sec-fetch-site": "same-site" },
			] as Record<string, string>[]) {
				const { status, text } = await knock(door, { ...headers, authorization: admin, "content-type": "text/plain" });
				expect([status, codeOf(text)], `${door.method} ${door.path} ${JSON.stringify(headers)}`).toEqual([403, "forbidden"]);
			}
		}
		expect(await stateOfFleet()).toEqual(before);
	});

	it("no answer invites another origin", async () => {
		for (const door of doors.filter(({ upgrade, path }) => !upgrade && path !== "/api/v1/events")) {
			const { headers } = await knock(door, { authorization: admin });
			expect(
				Object.keys(headers).filter((name) => name.startsWith("access-control")),
				door.path,
			).toEqual([]);
			expect(headers["x-content-type-options"], door.path).toBe("nosniff");
		}
	});

	it("whoever shows no token, a wrong one, or one where none is read, gets one and the same refusal", async () => {
		const forged: Record<string, string>[] = [
			{},
			{ "x-forwarded-for": "127.0.0.1", "x-forwarded-user": "admin", "x-real-ip": "::1" },
			{ "tailscale-user-login": "admin@example.com", "tailscale-user-name": "admin", "tailscale-headers-info": "x" },
			{ cookie: `token=${admin.slice(7)}` },
			{ authorization: `Basic ${btoa(`x:${admin.slice(7)}`)}` },
			{ "x-secret-key": admin.slice(7) },
		];
		const wrong = ["x", "x".repeat(20_000), "\u00ff", `${admin.slice(7)}x`, admin.slice(7, -1)].map((token) => `Bearer ${token}`);
		for (const id of ["admin", "nobody"]) {
			for (const secret of [createSecret(), "short", `${createSecret()}${createSecret()}`])
				wrong.push(`Bearer ${encodeToken({ kind: "client", id, secret })}`);
		}
		const git = /^\/git\/.*(info\/refs|-pack)$/;
		const refusals = new Map<string, string>();
		for (const door of doors.filter(({ open, path }) => !open && !git.test(path))) {
			for (const headers of forged) {
				const { status, text } = await knock(door, headers);
				expect(status, `${door.method} ${door.path} ${Object.keys(headers)}`).toBe(401);
				refusals.set(text, door.path);
			}
			const inUrl = { ...door, path: `${door.path}?token=${admin.slice(7)}&access_token=${admin.slice(7)}` };
			expect((await knock(inUrl, {})).status, door.path).toBe(401);
		}
		for (const authorization of wrong) {
			const { status, text } = await ask(fleet.url, "GET", "/api/v1/status", { headers: { authorization } });
			// A source of many wrong tokens is told to wait, and nothing else.
			if (status !== 429) refusals.set(text, authorization.slice(0, 40));
			expect([401, 429]).toContain(status);
		}
		expect([...refusals.keys()]).toHaveLength(1);
		expect((await ask(fleet.url, "GET", "/api/v1/status", { headers: { authorization: admin } })).status).toBe(200);
	});

	it("plain git wants its own credential, and pushing is refused with any", async () => {
		const authorization = `Basic ${btoa(`x:${admin.slice(7)}`)}`;
		const repository = `/git/${parameters.repository}`;
		for (const headers of [{}, { authorization }, { authorization: admin }] as Record<string, string>[]) {
			expect((await ask(fleet.url, "GET", `${repository}/info/refs?service=git-upload-pack`, { headers })).status).toBe(401);
			expect((await ask(fleet.url, "POST", `${repository}/git-upload-pack`, { headers })).status).toBe(401);
			expect((await ask(fleet.url, "POST", `${repository}/git-receive-pack`, { headers })).status).toBe(403);
			expect((await ask(fleet.url, "GET", `${repository}/info/refs?service=git-receive-pack`, { headers })).status).toBe(403);
		}
	});

	it("paths that climb, switches in place of names and broken encodings lead nowhere", async () => {
		const corpus = [
			"..",
			"../../../../etc/passwd",
			"..%2f..%2f..%2fetc%2fpasswd",
			"%2e%2e%2fadmin.token",
			"%2e%2e",
			"..%5c..%5cadmin.token",
			"a%00b",
			"%00",
			"/etc/passwd",
			"%2fetc%2fpasswd",
			"C:%5cwindows",
			"--upload-pack=touch%20x",
			"--output=x",
			"%ff",
			"%1b]52;c;aGk=%07",
			"a%0d%0aset-cookie:%20x=1",
			"__proto__",
			"x".repeat(5000),
		];
		for (const door of doors.filter(({ path }) => path.includes("{"))) {
			for (const name of door.path.match(/\{\w+\}/g)!) {
				for (const evil of corpus) {
					const path = fill(door.path.replace(name, evil));
					const headers = { authorization: admin, "content-type": "application/json" };
					const { status, headers: answered, text } = await ask(fleet.url, door.method, path, { headers });
					expect([400, 401, 403, 404, 405], `${door.method} ${path.slice(0, 200)} → ${status}`).toContain(status);
					expect(answered["set-cookie"]).toBeUndefined();
					expect(text).not.toContain("root:");
				}
			}
		}
		for (const query of ["namespace=../..", "namespace=..%2fx", "tree=--output%3dx", "tree=../x", `base=--exec`, "have=../../x"]) {
			const repository = `/git/${parameters.repository}`;
			const up = await ask(fleet.url, "POST", `${repository}/snapshots/${parameters.commit}?${query}`, {
				headers: { authorization: admin },
			});
			expect(up.status, query).toBe(400);
		}
		expect(fleet.daemon.stderr).not.toMatch(/^[\d:.]+ error /m);
	});

	it("a form is refused before it means anything, and reading changes nothing", async () => {
		const before = await stateOfFleet();
		const body = JSON.stringify({ submissions: [{ payload: { command: ["true"] } }], kind: "client", roles: ["admin"] });
		for (const door of doors.filter(({ method, path }) => method === "POST" && path.startsWith("/api/"))) {
			for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
				const { status } = await ask(fleet.url, "POST", fill(door.path), { headers: { authorization: admin, "content-type": type }, body });
				expect(status, `${door.path} ${type}`).toBe(415);
			}
		}
		for (const door of doors.filter(({ method, upgrade, path }) => method === "GET" && !upgrade && !/events|wait/.test(path)))
			await knock(door, { authorization: admin });
		expect(await stateOfFleet()).toEqual(before);
	});
});

describe("by itself a coordinator listens", () => {
	it("on loopback and nowhere else", async () => {
		const loopback = ["0100007F", "00000000000000000000000001000000"];
		const listening = listeningOn(fleet.daemon.pid);
		expect(listening.length).toBeGreaterThan(0);
		for (const address of listening) expect(loopback).toContain(address);
		for (const { address, internal, family } of Object.values(networkInterfaces())
			.flat()
			.filter((one) => one !== undefined)) {
			if (internal || family !== "IPv4") continue;
			const socket = connectTcp(Number(new URL(fleet.url).port), address);
			await expect(new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject)), address).rejects.toThrow(
				/REFUSED/,
			);
		}
	});

	it("on every address only when told, and warns then", async () => {
		await using machine = await Machine.create();
		const daemon = await machine.start(["up", "--port", "0", "--host", "0.0.0.0", "--slots", "0"], { ready: /ready at/ });
		expect(listeningOn(daemon.pid)).toContain("00000000");
		const { port } = new URL((await daemon.says(/ready at (\S+)/))[1]!);
		for (const { address, family } of Object.values(networkInterfaces()).flatMap((one) => one ?? []))
			if (family === "IPv4") expect((await ask(`http://${address}:${port}`, "GET", "/livez")).status, address).toBe(200);
		expect(daemon.stderr).toMatch(/ warn .*does not encrypt/);
	});
});
