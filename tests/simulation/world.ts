import { Random } from "./random.ts";

/** An oracle's verdict: this seed found a bug. */
export class Violation extends Error {
	override readonly name = "Violation";
}

type Action = () => void | Promise<void>;

/** Virtual time and the queue of what happens next. One thread, one source of chance: a seed replays exactly. */
export class World {
	/** Virtual milliseconds since the start. */
	now = 0;
	ticks = 0;
	/** Nothing goes wrong any more. */
	calm = false;
	readonly random: Random;
	readonly sometimes = new Map<string, number>();
	/** The last happenings, for a failing seed's report. */
	readonly trace: string[] = [];
	/** Of all that was noted (FNV-1a): equal worlds have equal hashes. */
	hash = 0x811c9dc5;
	#queue: { at: number; order: number; action: Action }[] = [];
	#order = 0;
	#serial = 0;
	/** Happenings since time last moved. */
	#stalled = 0;
	#failure: { readonly cause: unknown } | undefined;
	/** Waits for what a happening sets off and no queue of this world knows of. */
	settle: (() => Promise<void>) | undefined;

	constructor(seed: number) {
		this.random = new Random(seed);
	}

	after(ms: number, action: Action): void {
		const item = { at: this.now + Math.max(0, ms), order: this.#order++, action };
		let index = this.#queue.push(item) - 1;
		while (index > 0) {
			const parent = (index - 1) >> 1;
			if (!before(item, this.#queue[parent]!)) break;
			this.#queue[index] = this.#queue[parent]!;
			index = parent;
		}
		this.#queue[index] = item;
	}

	/** Does the next thing. False when nothing is left to happen. */
	async tick(): Promise<boolean> {
		const next = this.#pop();
		if (next === undefined) return false;
		this.#stalled = next.at > this.now ? 0 : this.#stalled + 1;
		if (this.#stalled > 20_000) throw new Violation("everybody is busy and time stands still");
		this.now = next.at;
		this.ticks++;
		const pending = next.action();
		if (pending !== undefined) await pending;
		if (this.settle !== undefined) await this.settle();
		if (this.#failure !== undefined) throw this.#failure.cause;
		return true;
	}

	/** Ends the world with this error, for whoever finds it where nobody would hear a throw. */
	readonly fail = (cause: unknown): void => {
		this.#failure ??= { cause };
	};

	/** A number that no other thing of this world has. */
	serial(): number {
		return ++this.#serial;
	}

	/** Counts that a rare state was visited. */
	saw(what: string): void {
		this.sometimes.set(what, (this.sometimes.get(what) ?? 0) + 1);
	}

	/** A line of the story; the hash holds all of it, the trace its end. */
	note(text: () => string): void {
		const line = `${(this.now / 1000).toFixed(3)} ${text()}`;
		for (let at = 0; at < line.length; at++) this.hash = Math.imul(this.hash ^ line.charCodeAt(at), 16777619) >>> 0;
		if (this.trace.length >= 400) this.trace.splice(0, 200);
		this.trace.push(line);
	}

	#pop(): { at: number; order: number; action: Action } | undefined {
		const top = this.#queue[0];
		const last = this.#queue.pop();
		if (top === undefined || last === undefined || top === last) return top;
		let index = 0;
		for (;;) {
			let child = 2 * index + 1;
			if (child >= this.#queue.length) break;
			if (child + 1 < this.#queue.length && before(this.#queue[child + 1]!, this.#queue[child]!)) child++;
			if (!before(this.#queue[child]!, last)) break;
			this.#queue[index] = this.#queue[child]!;
			index = child;
		}
		this.#queue[index] = last;
		return top;
	}
}

const before = (a: { at: number; order: number }, b: { at: number; order: number }): boolean =>
	a.at < b.at || (a.at === b.at && a.order < b.order);
