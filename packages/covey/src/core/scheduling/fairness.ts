/**
 * Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) over the whole fleet. A submitter has one virtual time
 * everywhere: the slots it was given while somebody else waited for them. So a flood in one constraint class counts in
 * every other class too, and nobody gains by spreading work over many classes.
 *
 * Each worker is a server with a virtual time of its own, the start tag of what it took last. A submitter that was idle, or
 * waited elsewhere, starts there and not at its own old time: it gets its share from now on, but no arrears.
 * Slots that nobody else wanted are free of charge.
 */
export interface Submitter {
	readonly name: string;
	/** Only rises, which lets queues order by an old value and look again at their first. */
	virtualTime: number;
	/** Tasks that wait in some queue. */
	waiting: number;
}

/** Idle submitters whose virtual time is remembered. */
const idleSubmittersMax = 4096;

export class FairShares {
	readonly #submitters = new Map<string, Submitter>();
	/** Submitters with nothing waiting, the longest idle first. */
	readonly #idle = new Set<Submitter>();

	/** A task of `name` begins to wait. */
	enter(name: string): Submitter {
		let submitter = this.#submitters.get(name);
		if (submitter === undefined) {
			submitter = { name, virtualTime: 0, waiting: 0 };
			this.#submitters.set(name, submitter);
		}
		submitter.waiting++;
		this.#idle.delete(submitter);
		return submitter;
	}

	/** A task of `submitter` no longer waits. */
	leave(submitter: Submitter): void {
		submitter.waiting--;
		if (submitter.waiting > 0) return;
		this.#idle.add(submitter);
		if (this.#idle.size <= idleSubmittersMax) return;
		const [longest] = this.#idle as Iterable<Submitter> as [Submitter];
		this.#idle.delete(longest);
		this.#submitters.delete(longest.name);
	}

	get size(): number {
		return this.#submitters.size;
	}
}

/** Where a submitter's next task starts on a server. */
export function startTag(submitter: Submitter, server: { readonly virtualTime: number }): number {
	return Math.max(submitter.virtualTime, server.virtualTime);
}

/** `submitter` gets `cost` slots of `server`; `contended` when another submitter wanted them. */
export function charge(submitter: Submitter, server: { virtualTime: number }, cost: number, contended: boolean): void {
	const start = startTag(submitter, server);
	server.virtualTime = start;
	submitter.virtualTime = contended ? start + cost : start;
}
