import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { TaskSubmission, WorkerOffer } from "@covey/protocol";
import { createFleet, type Fleet, takeChanges } from "#core/fleet.ts";
import { step } from "#core/step.ts";
import { type BenchLine, toLine } from "./line.ts";

/**
 * What one placement costs in the core alone, with a million pending tasks and ten thousand workers, against a
 * hundredth of both. `idle`: a task comes and finds the best of many idle workers, while the backlog waits for workers
 * that are not there. `backlog`: a worker gets room and takes the next of all that waits.
 */
const sizes = { ours: { tasks: 1_000_000, workers: 10_000 }, peer: { tasks: 10_000, workers: 100 } } as const;
const rounds = 5;
const placementsPerRound = 10_000;
const warmUp = 1000;
const classes = 10;
const submitters = 50;
const workerKilobytesMax = 50;

type Size = (typeof sizes)[keyof typeof sizes];

export async function run(): Promise<BenchLine[]> {
	const peerName = "itself at a hundredth of that";
	const bar = { kind: "<=", value: 2 } as const;
	const memory = { workerBytes: 0, taskBytes: 0 };
	const lines: BenchLine[] = [];
	for (const [kind, prepare] of [
		["idle", prepareIdle],
		["backlog", prepareBacklog],
	] as const) {
		const ours = prepare(sizes.ours, memory);
		const peer = prepare(sizes.peer);
		const measured = Array.from({ length: rounds }, () => ({ ours: microseconds(ours), peer: microseconds(peer) }));
		lines.push(
			toLine(`placement-${kind}`, measured, {
				bar,
				unit: "µs per task taken in, placed and completed",
				peerName,
				notes: { ...sizes.ours },
			}),
		);
	}
	const kilobytes = { ours: memory.workerBytes / 1024, peer: workerKilobytesMax };
	const notes = { bytesPerPendingTask: Math.round(memory.taskBytes), ofWhich: "submission, record, queue and indexes" };
	lines.push(
		toLine("idle-worker-memory", [kilobytes], { bar: { kind: "<=", value: 1 }, unit: "KiB per idle worker", peerName: "the limit", notes }),
	);
	return lines;
}

/** Makes one placement happen, and the room for the next. */
type Placement = () => void;

function prepareIdle(size: Size, memory?: { workerBytes: number; taskBytes: number }): Placement {
	const bench = createBench();
	const before = heapBytes();
	for (let at = 0; at < size.workers; at++) bench.connect(`worker-${at}`);
	const between = heapBytes();
	for (let at = 0; at < size.tasks; at++) bench.submit(`zone-${at % classes}`);
	if (memory !== undefined) {
		memory.workerBytes = (between - before) / size.workers;
		memory.taskBytes = (heapBytes() - between) / size.tasks;
	}
	return warm(() => {
		bench.submit(undefined);
		bench.completeOldest();
	});
}

function prepareBacklog(size: Size): Placement {
	const bench = createBench();
	for (let at = 0; at < size.tasks; at++) bench.submit(undefined, at % 2 === 0 ? { os: "linux" } : {});
	for (let at = 0; at < size.workers; at++) bench.connect(`worker-${at}`);
	return warm(() => {
		bench.completeOldest();
		bench.submit(undefined);
	});
}

function warm(place: Placement): Placement {
	for (let at = 0; at < warmUp; at++) place();
	heapBytes();
	return place;
}

function microseconds(place: Placement): number {
	const start = performance.now();
	for (let at = 0; at < placementsPerRound; at++) place();
	return ((performance.now() - start) * 1000) / placementsPerRound;
}

/** A fleet, and a few words to drive it with. Time passes one millisecond per event. */
function createBench() {
	const fleet: Fleet = createFleet();
	const actors = Array.from({ length: submitters }, (_, at) => ({ name: `submitter-${at}`, admin: false, namespaces: [] }));
	const plain = TaskSubmission.parse({ payload: null });
	const offer = WorkerOffer.parse({ slots: 1, os: "linux", arch: "x64", version: "0.1.0", tags: { site: "here" } });
	const running: { worker: string; session: string; task: string; attempt: number }[] = [];
	let first = 0;
	let now = 0;
	let tasks = 0;
	const happen = (event: Parameters<typeof step>[1]): void => {
		for (const effect of step(fleet, event, now++)) {
			if (effect.type === "assign") {
				const { worker, session, message } = effect;
				running.push({ worker, session, task: message.task, attempt: message.attempt });
			}
		}
		takeChanges(fleet);
	};
	return {
		connect(name: string): void {
			const identity = { kind: "key", publicKey: `key of ${name}` } as const;
			const record = { name, identity, enrolledAt: now, namespaces: [], tags: {}, draining: false, revoked: false };
			happen({ type: "worker.enrol", replyTo: 0, actor: actors[0]!, record });
			happen({
				type: "worker.connect",
				replyTo: 0,
				worker: name,
				session: `session of ${name}`,
				instance: "1",
				protocol: 2,
				offer: structuredClone(offer),
			});
		},
		submit(zone: string | undefined, more: { readonly os?: string } = {}): void {
			const end = String(tasks++).padStart(26, "0");
			const tags: TaskSubmission["constraints"]["tags"] = zone === undefined ? {} : { zone };
			const constraints = { ...plain.constraints, tags, ...more };
			const submission: TaskSubmission = { ...plain, constraints, payload: { command: ["make", `target-${tasks}`] } };
			happen({
				type: "task.submit",
				replyTo: 0,
				actor: actors[tasks % submitters]!,
				tasks: [{ id: `t_${end}`, ask: `a_${end}`, submission }],
			});
		},
		/** Completes the attempt that has run longest; history takes the task. */
		completeOldest(): void {
			const attempt = running[first++]!;
			const report = { outcome: "passed", artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} } as const;
			happen({ type: "attempt.completed", ...attempt, report: { ...report, artifacts: [], missing: [] } });
			happen({ type: "history.holds", tasks: [{ id: attempt.task, attempt: attempt.attempt, status: "done" }] });
		},
	};
}

function heapBytes(): number {
	setFlagsFromString("--expose-gc");
	const collect = runInNewContext("gc") as () => void;
	collect();
	return process.memoryUsage().heapUsed;
}

if (import.meta.main) for (const line of await run()) process.stdout.write(`${JSON.stringify(line)}\n`);
