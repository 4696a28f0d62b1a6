import { CoveyError } from "@covey/protocol/errors";
import type { OutputFrame, OutputStream } from "@covey/protocol/frames";
import type { ToClient } from "@covey/protocol/socket";
import type { TaskView } from "@covey/protocol/task";
import { Inbox } from "./inbox.ts";
import { clientLimits } from "./limits.ts";
import type { Multiplexer, Subscription } from "./multiplexer.ts";

export interface FollowOptions {
	/** First byte of output wanted, counted over both streams of the attempt. Default 0. */
	readonly offset?: number;
	/** This attempt only. Default: the current one, then later ones. */
	readonly attempt?: number;
	/** False: the task's changes only. Default true. */
	readonly output?: boolean;
	/** Output that may be on its way unread, in bytes. */
	readonly creditBytes?: number;
	/** Ends the iteration with its reason. The task goes on. */
	readonly signal?: AbortSignal;
}

/** What a follower sees, in order. A gap is output that is lost for good; offsets go on behind it. */
export type FollowItem =
	| { readonly type: "task"; readonly task: TaskView; readonly ended: boolean }
	| { readonly type: "attempt"; readonly attempt: number }
	| {
			readonly type: "output";
			readonly attempt: number;
			readonly stream: OutputStream;
			readonly offset: number;
			readonly data: Uint8Array;
	  }
	| {
			readonly type: "gap";
			readonly attempt: number;
			readonly stream: OutputStream;
			readonly offset: number;
			readonly bytes: number;
	  };

/** What moves a follower's offset. */
export type OutputItem = Extract<FollowItem, { type: "output" | "gap" }>;

/**
 * Follows a task to its end. After a dropped link it asks again for what comes after the last byte that it handed on,
 * so that no byte is lost or seen twice; what the coordinator no longer has comes as a gap.
 *
 * @throws CoveyError when the task cannot be followed, or the link is closed for good; `signal`'s reason.
 */
export async function* follow(
	multiplexer: Multiplexer,
	task: string,
	options: FollowOptions = {},
): AsyncGenerator<FollowItem, void, undefined> {
	options.signal?.throwIfAborted();
	const reader = new Reader(multiplexer, task, options);
	const abort = () => reader.inbox.fail(options.signal?.reason);
	options.signal?.addEventListener("abort", abort, { once: true });
	try {
		reader.subscribe();
		while (true) {
			const item = await reader.inbox.next();
			if (item === undefined) return;
			yield item;
			if (item.type === "output") reader.grant(item.data.length);
		}
	} finally {
		options.signal?.removeEventListener("abort", abort);
		reader.close();
	}
}

/** One follower's place in the output: `#attempt` and the offset of the next byte, and the credit it has yet to grant. */
class Reader implements Subscription {
	readonly inbox = new Inbox<FollowItem>();
	#id = 0;
	/** 0: not known yet. */
	#attempt: number;
	#offset: number;
	/** The subscription was opened again in the middle of `#attempt`: does the coordinator still stand there? */
	#resumed = false;
	#ungranted = 0;
	readonly #creditBytes: number;
	readonly #multiplexer: Multiplexer;
	readonly #task: string;
	readonly #options: FollowOptions;

	constructor(multiplexer: Multiplexer, task: string, options: FollowOptions) {
		this.#multiplexer = multiplexer;
		this.#task = task;
		this.#options = options;
		this.#attempt = options.attempt ?? 0;
		this.#offset = options.offset ?? 0;
		this.#creditBytes = options.creditBytes ?? clientLimits.creditBytes;
	}

	subscribe(): void {
		this.#id = this.#multiplexer.subscribe(this);
	}

	open(id: number): unknown {
		this.#resumed = this.#attempt > 0;
		this.#ungranted = 0;
		const { attempt, output } = this.#options;
		const creditBytes = Math.max(1, this.#creditBytes - this.#queuedBytes);
		return { type: "follow", id, task: this.#task, output: output ?? true, attempt, offset: this.#offset, creditBytes };
	}

	/** Output that was received and not yet taken still holds its credit, also over a new link. */
	#queuedBytes = 0;

	grant(bytes: number): void {
		this.#queuedBytes -= bytes;
		this.#ungranted += bytes;
		if (this.#ungranted < this.#creditBytes / 4) return;
		this.#multiplexer.tell({ type: "credit", id: this.#id, bytes: this.#ungranted });
		this.#ungranted = 0;
	}

	message(message: ToClient): void {
		switch (message.type) {
			case "task":
				this.#changed(message.task, message.ended);
				break;
			case "attempt":
				this.#enter(message.attempt);
				break;
			case "error":
			case "closed":
				this.inbox.end(message.error && CoveyError.from(message.error));
		}
	}

	frame(frame: OutputFrame): void {
		if (this.#options.attempt !== undefined && frame.attempt !== this.#options.attempt) return;
		if (frame.attempt !== this.#attempt) this.#enter(frame.attempt);
		if (frame.attempt !== this.#attempt) return;
		const { stream } = frame;
		if (frame.offset > this.#offset) this.#gap(stream, frame.offset - this.#offset);
		const seen = Math.min(this.#offset - frame.offset, frame.length);
		const fresh = frame.length - seen;
		if (frame.kind === "gap") this.#gap(stream, fresh);
		else if (fresh > 0) this.#output(stream, seen > 0 ? frame.data.subarray(seen) : frame.data);
		if (frame.kind === "output" && seen > 0) this.#multiplexer.tell({ type: "credit", id: this.#id, bytes: seen });
	}

	#output(stream: OutputStream, data: Uint8Array): void {
		this.inbox.push({ type: "output", attempt: this.#attempt, stream, offset: this.#offset, data });
		this.#queuedBytes += data.length;
		this.#offset += data.length;
	}

	fail(error: CoveyError): void {
		this.inbox.end(error);
	}

	close(): void {
		this.#multiplexer.unsubscribe(this.#id);
	}

	#changed(task: TaskView, ended: boolean): void {
		const item = { type: "task", task, ended } as const;
		if (this.inbox.last?.type === "task") this.inbox.replaceLast(item);
		else this.inbox.push(item);
		if (ended) this.inbox.end();
	}

	#enter(attempt: number): void {
		const resumed = this.#resumed;
		this.#resumed = false;
		if (attempt === this.#attempt) return;
		const first = this.#attempt === 0;
		this.#attempt = attempt;
		this.inbox.push({ type: "attempt", attempt });
		if (first) return;
		this.#offset = 0;
		// The offset that was asked for belongs to an attempt that is over: this one is wanted from its start.
		if (!resumed) return;
		this.close();
		this.subscribe();
	}

	#gap(stream: OutputStream, bytes: number): void {
		if (bytes <= 0) return;
		this.inbox.push({ type: "gap", attempt: this.#attempt, stream, offset: this.#offset, bytes });
		this.#offset += bytes;
	}
}
