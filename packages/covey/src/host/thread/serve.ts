import { parentPort, workerData } from "node:worker_threads";
import type { Operations, ThreadAnswer, ThreadRequest } from "./thread.ts";

/** What a thread opened: what it answers first, what it can be asked for, and what it does around each request. */
export interface Served<O extends Operations> {
	readonly opened: unknown;
	/** `close` is asked for last. An operation may answer later, by a promise. */
	readonly operations: O & { close(): void };
	readonly before?: () => void;
	readonly after?: () => void;
}

/**
 * The answering side of a `Thread`: opens with the thread's data, then runs each request as it comes.
 * @param describe makes data of an error; the calling side makes an error of it again.
 */
export function serve<O extends Operations>(open: (data: never) => Served<O>, describe: (error: unknown) => unknown): void {
	const port = parentPort!;
	const answer = (id: number, value: unknown) => port.postMessage({ id, value } satisfies ThreadAnswer);
	const refuse = (id: number, error: unknown) => port.postMessage({ id, failure: describe(error) } satisfies ThreadAnswer);

	let served: Served<O>;
	try {
		served = open(workerData as never);
	} catch (error) {
		refuse(0, error);
		port.close();
		return;
	}
	port.on("message", ({ id, name, argument }: ThreadRequest) => {
		served.before?.();
		try {
			const value = served.operations[name]!(argument as never);
			if (value instanceof Promise)
				value.then(
					(late) => answer(id, late),
					(error: unknown) => refuse(id, error),
				);
			else answer(id, value);
		} catch (error) {
			refuse(id, error);
		}
		// Answers that are late by a microtask still go out.
		if (name === "close") setImmediate(() => port.close());
		else served.after?.();
	});
	answer(0, served.opened);
}
