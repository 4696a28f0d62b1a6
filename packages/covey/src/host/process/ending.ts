import { setTimeout as delay } from "node:timers/promises";
import { deferred } from "#kit/deferred.ts";
import { isTreeQuiet, killTree, type ProcessTree, terminateTree } from "./tree.ts";

export interface Exit {
	readonly code: number | null;
	readonly signal: string | null;
}

/** Node's timers hold no more: 24 days. */
export const timerMaxMs = 2 ** 31 - 1;

/**
 * How a tree comes to its end: running → (ending → killing →) exited → settled. The first `end` names the cause and sends
 * TERM to the tree; KILL follows when the shortest grace of all calls is over.
 */
export class Ending<Cause> {
	readonly #tree: ProcessTree;
	readonly #exit = deferred<Exit>();
	#running = true;
	#cause: Cause | undefined;
	#killAt = Number.POSITIVE_INFINITY;
	#killTimer: NodeJS.Timeout | undefined;
	#killing: Promise<void> | undefined;
	#forced = false;
	#leftovers = 0;

	constructor(tree: ProcessTree) {
		this.#tree = tree;
	}

	/** Of the main process. */
	get exit(): Promise<Exit> {
		return this.#exit.promise;
	}

	/** Of the first `end`; undefined when it came to its end by itself. */
	get cause(): Cause | undefined {
		return this.#cause;
	}

	/** The main process outlived its grace. */
	get forced(): boolean {
		return this.#forced;
	}

	/** Members killed after the main process had exited. */
	get leftovers(): number {
		return this.#leftovers;
	}

	/** No effect after the exit. */
	end(cause: Cause, graceMs: number): void {
		if (!this.#running) return;
		if (this.#cause === undefined) {
			this.#cause = cause;
			terminateTree(this.#tree);
		}
		const at = performance.now() + graceMs;
		if (at >= this.#killAt) return;
		this.#killAt = at;
		clearTimeout(this.#killTimer);
		this.#killTimer = setTimeout(() => (this.#killing = this.#kill()), Math.min(graceMs, timerMaxMs));
	}

	/** The main process has exited. */
	exited(exit: Exit): void {
		this.#running = false;
		this.#exit.resolve(exit);
	}

	/** After the exit: resolves when the rest of a tree that was told to end has ended, or its grace is over. */
	async settled(): Promise<void> {
		while (this.#cause !== undefined && !isTreeQuiet(this.#tree) && performance.now() < this.#killAt) await delay(10);
		clearTimeout(this.#killTimer);
		await this.#killing;
	}

	/** The grace is over. Should even this not end the main process, its result is not waited for. */
	async #kill(): Promise<void> {
		const early = this.#running;
		this.#forced ||= early;
		const { killed, survivors } = await killTree(this.#tree);
		if (!early) this.#leftovers += killed;
		if (survivors.length > 0) this.exited({ code: null, signal: null });
	}
}
