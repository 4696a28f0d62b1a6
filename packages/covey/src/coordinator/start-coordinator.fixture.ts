import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDiskBlobs } from "#blobs/disk/blobs.ts";
import { openSqliteHistory } from "#history/sqlite/history.ts";
import { openMemoryJournal } from "#journal/memory/journal.ts";
import { systemClock } from "#kit/clock.ts";
import { silentLogger } from "#kit/logger.ts";
import type { Journal } from "#ports/journal.ts";
import { type Coordinator, createCoordinator } from "./coordinator.ts";
import { createSnapshotStore } from "./git/store.ts";
import { createLogs } from "./logs/logs.ts";

export interface TestCoordinator extends AsyncDisposable {
	readonly coordinator: Coordinator;
	readonly directory: string;
	readonly adminToken: string;
	/** Causes given to `onFatal`. */
	readonly fatal: unknown[];
	call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export interface CallOptions {
	/** The admin's when absent; empty: none. */
	readonly token?: string;
	readonly body?: unknown;
	/** Instead of `body`, as it is. */
	readonly text?: string;
	readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly text: string;
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
	readonly json: any;
}

/** A whole coordinator on loopback, with everything real but the journal's disk. */
export async function startCoordinator(
	options: { readonly journal?: Journal; readonly directory?: string } = {},
): Promise<TestCoordinator> {
	const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "covey-coordinator-")));
	const adminTokenFile = join(directory, "admin.token");
	const fatal: unknown[] = [];
	const logger = silentLogger;
	const coordinator = createCoordinator(
		{ stateDirectory: directory, adminTokenFile, name: "test-coordinator", port: 0, addresses: [], allowedHosts: [] },
		{
			journal: options.journal ?? openMemoryJournal(),
			history: await openSqliteHistory({ file: join(directory, "history.db") }),
			blobs: await openDiskBlobs({ directory: join(directory, "blobs") }),
			snapshots: createSnapshotStore({ directory: join(directory, "repositories"), now: systemClock.now }),
			logs: createLogs({ directory: join(directory, "logs"), clock: systemClock, logger }),
			clock: systemClock,
			logger,
			onFatal: (cause) => fatal.push(cause),
		},
	);
	await coordinator.start(new AbortController().signal);
	const adminToken = (await readFile(adminTokenFile, "utf8")).trim();
	return {
		coordinator,
		directory,
		adminToken,
		fatal,
		call: (method, path, call = {}) => send(coordinator.url, method, path, { token: adminToken, ...call }),
		async [Symbol.asyncDispose]() {
			await coordinator.stop();
			if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
		},
	};
}

/** One request with exactly these headers, which `fetch` would not send. */
export function send(base: string, method: string, path: string, options: CallOptions): Promise<Answer> {
	const { token, body, text = body === undefined ? undefined : JSON.stringify(body), headers = {} } = options;
	return new Promise((resolve, reject) => {
		const request = httpRequest(`${base}${path}`, {
			method,
			agent: false,
			headers: {
				...(token && { authorization: `Bearer ${token}` }),
				...(body !== undefined && { "content-type": "application/json" }),
				...(text !== undefined && headers["transfer-encoding"] === undefined && { "content-length": String(Buffer.byteLength(text)) }),
				...headers,
			},
		});
		request.once("error", reject);
		request.once("response", (response) => {
			const chunks: Buffer[] = [];
			response.on("data", (chunk: Buffer) => chunks.push(chunk));
			response.once("error", reject);
			response.once("end", () => {
				const received = Buffer.concat(chunks).toString("utf8");
				const isJson = response.headers["content-type"]?.startsWith("application/json");
				resolve({
					status: response.statusCode ?? 0,
					headers: response.headers,
					text: received,
					json: isJson ? JSON.parse(received) : undefined,
				});
			});
		});
		request.end(text);
	});
}
