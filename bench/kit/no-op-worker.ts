import { setTimeout as wait } from "node:timers/promises";
import { createMachineWorker } from "#compose/worker-parts.ts";
import { parseToken } from "#host/token/token.ts";
import type { Logger } from "#kit/logger.ts";
import type { Runner } from "#ports/runner.ts";
import { createWebSocketTransport } from "#worker/link/websocket.ts";

/**
 * A real worker whose only other runner does nothing: `node no-op-worker.ts URL JOIN-TOKEN DIRECTORY SLOTS`. It says
 * `first MS` when its first task starts, in milliseconds of the epoch.
 */
const [url, token, directory, slots] = process.argv.slice(2) as [string, string, string, string];
const joinToken = parseToken(token);
if (joinToken.kind !== "join") throw new Error("that is no join token");
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };

let began = false;
const noOp: Runner = {
	type: "no-op",
	async run(_assignment, io) {
		if (!began) process.stdout.write(`first ${performance.timeOrigin + performance.now()}\n`);
		began = true;
		io.started();
		return { outcome: "passed", artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };
	},
};

await using machine = await createMachineWorker(
	{
		name: "no-op",
		slots: Number(slots),
		tags: {},
		stateDirectory: `${directory}/state`,
		cacheDirectory: `${directory}/cache`,
		outputBytesMax: 1024 ** 2,
		worktreesMax: 1,
		isolation: 0,
		token: joinToken,
		transport: createWebSocketTransport({ url, connectTimeoutMs: 10_000, heartbeat: { pingMs: 30_000, pongMs: 10_000 } }),
		logger: silent,
		runners: [noOp],
	},
	new AbortController().signal,
);
process.once("SIGTERM", () => void machine.worker.stop());
await machine.worker.start(new AbortController().signal);
await machine.worker.left;
await wait(0);
