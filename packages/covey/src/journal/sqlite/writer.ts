import { type Served, serve } from "#host/thread/serve.ts";
import { failureOf } from "./failure.ts";
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

/** What the main side may ask for, by name. */
export type WriterOperations = ReturnType<typeof createOperations>;

/** The answer to opening. */
export interface WriterOpened {
	readonly tail: number;
	readonly snapshotSequence: number;
}

/** How long nothing must have been asked before the thread tidies. */
const idleMs = 5;

function open({ file }: WriterData): Served<WriterOperations> {
	const database = openDatabase(file);
	const store = new Store(database);
	const snapshots = new Snapshots(database, store);
	const opened: WriterOpened = { tail: store.tail, snapshotSequence: snapshots.head()?.sequence ?? 0 };

	let idle: NodeJS.Timeout | undefined;
	const tidy = () => {
		const more = store.keepHouse(() => {
			if (store.checkpointDue("idle")) store.checkpoint();
			return snapshots.tidy() || store.shrink();
		});
		if (more) idle = setTimeout(tidy, 1);
	};
	return {
		opened,
		operations: createOperations(store, snapshots),
		before: () => clearTimeout(idle),
		after() {
			if (store.checkpointDue("always")) store.keepHouse(() => store.checkpoint());
			idle = setTimeout(tidy, idleMs);
		},
	};
}

function createOperations(store: Store, snapshots: Snapshots) {
	return {
		append: ({ expected, text }: { expected: number; text: string }) => store.append(expected, text),
		entries: (after: number) => store.entries(after),
		snapshotHead: () => snapshots.head(),
		snapshotPart: ({ id, number }: { id: number; number: number }) => snapshots.part(id, number),
		beginSnapshot: (sequence: number) => snapshots.begin(sequence),
		addPart: (text: string) => store.guard(() => snapshots.add(text)),
		finishSnapshot: () => store.guard(() => snapshots.finish()),
		abandonSnapshot: () => snapshots.abandon(),
		truncate: (sequence: number) => store.guard(() => store.truncate(sequence)),
		size: () => ({ entries: store.tail - store.anchor(), bytes: store.bytes() }),
		close: () => store.close(),
	};
}

serve(open, failureOf);
