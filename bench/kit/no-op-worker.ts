import { setTimeout as wait } from "node:timers/promises";
import { describeMachine } from "#host/machine/machine.ts";
import { parseToken } from "#host/token/token.ts";
import { systemClock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import { version } from "#kit/version.ts";
import type { Runner } from "#ports/runner.ts";
import { createWebSocketTransport } from "#worker/link/websocket.ts";
import { createWorker } from "#worker/worker.ts";

/**
 * A real worker whose only runner does nothing: `node no-op-worker.ts URL JOIN-TOKEN DIRECTORY SLOTS`, called `no-op`. It
 * runs no processes, so it makes none ahead, as the peer's does not. It says `ready` when it is connected.
 */
const [url, token, directory, slots] = process.argv.slice(2) as [string, string, string, string];
const joinToken = parseToken(token);
if (joinToken.kind !== "join") throw new Error("that is no join token");
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };

const noOp: Runner = {
	type: "no-op",
	async run(_assignment, io) {
		io.started();
		return { outcome: "passed", artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };
	},
};

const { os, arch, cores, memoryBytes } = describeMachine();
const worker = createWorker(
	{
		name: "no-op",
		stateDirectory: `${directory}/state`,
		version,
		offer: { slots: Number(slots), tags: {}, os, arch, cores, memoryBytes, isolation: 0, isolationDefault: 0 },
		token: joinToken,
		outputBytesMax: 1024 ** 2,
		spoolBytesMax: 4 * 1024 ** 2,
	},
	{
		transport: createWebSocketTransport({ url, connectTimeoutMs: 10_000, heartbeat: { pingMs: 30_000, pongMs: 10_000 } }),
		runners: [noOp],
		clock: systemClock,
		random: Math.random,
		logger: silent,
	},
);
process.once("SIGTERM", () => void worker.stop());
await worker.start(new AbortController().signal);
process.stdout.write("ready\n");
await worker.left;
await wait(0);
