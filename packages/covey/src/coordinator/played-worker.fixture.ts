import { randomUUID } from "node:crypto";
import { type Assign, AttemptReport, encodeFrame, type Outcome, type V2FromWorkerMessage, type V2ToWorkerMessage } from "@covey/protocol";
import type { Coordinator } from "./coordinator.ts";
import type { ConnectionListener } from "./ws/connection.ts";

/** The embedded worker, played by a test: it sees what it is assigned, and says what the test says. */
export interface PlayedWorker {
	/** The next assignment, come or to come. */
	assigned(): Promise<PlayedAttempt>;
}

export interface PlayedAttempt {
	readonly assign: Assign;
	started(): void;
	write(stream: "stdout" | "stderr", data: string | Uint8Array): void;
	end(outcome: Outcome, exitCode?: number): void;
}

export function playWorker(coordinator: Coordinator, slots = 4): PlayedWorker {
	const assigns: Assign[] = [];
	let wake = () => {};
	let listener: ConnectionListener | undefined;
	const say = (message: V2FromWorkerMessage) => queueMicrotask(() => listener?.message(message));
	const hear = (message: V2ToWorkerMessage) => {
		if (message.type === "ping") say({ type: "pong" });
		if (message.type === "welcome") {
			say({
				type: "offer",
				offer: { slots, capabilities: ["run"], tags: {}, os: "linux", arch: "x64", isolation: 0, version: "0.1.0", warm: [] },
			});
		}
		if (message.type === "assign") {
			assigns.push(message);
			wake();
		}
	};
	coordinator.acceptEmbedded(
		{ send: hear, close: (_, reason) => listener?.end(new Error(reason)), queuedBytes: 0, listen: (given) => (listener = given) },
		{ name: "local", instance: randomUUID() },
	);
	return {
		async assigned() {
			while (assigns.length === 0) await new Promise<void>((resolve) => (wake = resolve));
			const assign = assigns.shift()!;
			return play(assign, say, (frame) => listener?.frame(frame));
		},
	};
}

function play(assign: Assign, say: (message: V2FromWorkerMessage) => void, frame: (bytes: Uint8Array) => void): PlayedAttempt {
	const { task, attempt, channel } = assign;
	let offset = 0;
	return {
		assign,
		started: () => say({ type: "started", task, attempt }),
		write(stream, text) {
			const data = Buffer.from(text);
			const bytes = encodeFrame({ kind: "output", stream, channel, attempt, offset, data });
			offset += data.length;
			queueMicrotask(() => frame(bytes));
		},
		end(outcome, exitCode = 0) {
			const report = AttemptReport.parse({ outcome, facts: { exitCode, signal: null, durationMs: 1 }, outputBytes: offset });
			say({ type: "complete", task, attempt, report });
		},
	};
}
