import { parentPort, workerData } from "node:worker_threads";
import { type FailureData, failureOf } from "./failure.ts";
import { openDatabase } from "./schema.ts";
import { Snapshots } from "./snapshots.ts";
import { Store } from "./store.ts";

/**
 * The journal's thread: owns the database, answers one request after the other, and uses idle moments to checkpoint and
 * to drop what nobody needs, so that neither is in the way of an append.
 */
export interface WriterData {
	readonly file: string;
}

/** The answer to opening. */
export interface Opened {
	readonly tail: number;
	readonly snapshotSequence: number;
}

/** What the main side may ask for, by name. */
export type Operations = ReturnType<typeof createOperations>;

export interface Request {
	readonly id: number;
	readonly name: keyof Operations;
	readonly argument: unknown;
}

/** Answers carry the id of their request; id 0 is the answer to opening. */
export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly failure: FailureData };

/** How long nothing must have been asked before the thread tidies. */
const idleMs = 5;

function createOperations(store: Store, snapshots: Snapshots) {
	return {
		append: ({ expected, text }: { expected: number; text: string }) => store.append(expected, text),
		entries: (after: number) => store.entries(after),
		snapshotHead: (_: null) => snapshots.head(),
		snapshotPart: ({ id, number }: { id: number; number: number }) => snapshots.part(id, number),
		beginSnapshot: (sequence: number) => snapshots.begin(sequence),
		addPart: (text: string) => snapshots.add(text),
		finishSnapshot: (_: null) => snapshots.finish(),
		abandonSnapshot: (_: null) => snapshots.abandon(),
		truncate: (sequence: number) => store.truncate(sequence),
		size: (_: null) => ({ entries: store.tail - store.anchor(), bytes: store.bytes() }),
		close: (_: null) => store.close(),
	};
}

function serve(port: NonNullable<typeof parentPort>): void {
	const { file } = workerData as WriterData;
	const database = openDatabase(file);
	const store = new Store(database);
	const snapshots = new Snapshots(database, store);
	const operations = createOperations(store, snapshots);
	let idle: NodeJS.Timeout | undefined;

	const tidy = () => {
		const more = store.keepHouse(() => {
			if (store.checkpointDue("idle")) store.checkpoint();
			return snapshots.tidy() || store.shrink();
		});
		if (more) idle = setTimeout(tidy, 1);
	};

	port.on("message", ({ id, name, argument }: Request) => {
		clearTimeout(idle);
		port.postMessage(answer(id, () => (operations[name] as (argument: unknown) => unknown)(argument)));
		if (name === "close") return port.close();
		if (store.checkpointDue("always")) store.keepHouse(() => store.checkpoint());
		idle = setTimeout(tidy, idleMs);
	});
	const opened: Opened = { tail: store.tail, snapshotSequence: snapshots.head()?.sequence ?? 0 };
	port.postMessage({ id: 0, value: opened } satisfies Answer);
}

function answer(id: number, run: () => unknown): Answer {
	try {
		return { id, value: run() };
	} catch (error) {
		return { id, failure: failureOf(error) };
	}
}

try {
	serve(parentPort!);
} catch (error) {
	parentPort!.postMessage({ id: 0, failure: failureOf(error) } satisfies Answer);
	parentPort!.close();
}
