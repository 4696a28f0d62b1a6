import { isEnded, isUnderWay, type OutputFrame, type SocketFollow, socketLimits, type TaskView } from "@covey/protocol";
import type { z } from "zod";
import type { Principal } from "#coordinator/auth/principal.ts";
import { Pulse } from "#coordinator/events/pulse.ts";
import type { Logs } from "#coordinator/logs/log.ts";
import type { OperationContext } from "#coordinator/operations/context.ts";
import { findTask } from "#coordinator/operations/lookup.ts";
import type { Outlet } from "./outlet.ts";

export interface FollowOptions {
	readonly request: z.output<typeof SocketFollow>;
	readonly context: OperationContext;
	readonly logs: Logs;
	readonly principal: Principal;
	readonly outlet: Outlet;
	/** Aborts when the subscription is closed or the client is gone. */
	readonly signal: AbortSignal;
}

/**
 * One client's view of one task: the task at once and after each change, and the output of its attempts, one after
 * another. The last message is the task with `ended: true`, behind the last byte of its last attempt.
 */
export class Follow {
	readonly #options: FollowOptions;
	/** The task as it was told last. */
	#task: TaskView | undefined;
	#credit: number;
	/** The task changed in the fleet, or the signal aborted. */
	readonly #changed = new Pulse();
	/** `#task` is newer. */
	readonly #seen = new Pulse();
	readonly #granted = new Pulse();

	constructor(options: FollowOptions) {
		this.#options = options;
		this.#credit = Math.min(options.request.creditBytes, socketLimits.creditBytesMax);
	}

	grant(bytes: number): void {
		this.#credit = Math.min(this.#credit + bytes, socketLimits.creditBytesMax);
		this.#granted.beat();
	}

	/** Resolves when all was told. @throws CoveyError `not_found`, and the signal's reason. */
	async run(): Promise<void> {
		const { context, request, signal } = this.#options;
		using _watch = context.feed.watch(request.task, this.#changed.beat);
		const wake = () => {
			for (const pulse of [this.#changed, this.#seen, this.#granted]) pulse.beat();
		};
		signal.addEventListener("abort", wake);
		try {
			await Promise.all([this.#followChanges(), request.output && this.#followOutput()]);
			this.#tell(true);
		} finally {
			signal.removeEventListener("abort", wake);
		}
	}

	/** Until the task has ended. */
	async #followChanges(): Promise<void> {
		const { context, request, principal, signal } = this.#options;
		for (;;) {
			const changed = this.#changed.next;
			const task = await findTask(context, request.task, principal);
			signal.throwIfAborted();
			const last = this.#task;
			this.#task = task;
			const ended = isEnded(task.status);
			if (!last || (!ended && JSON.stringify(last) !== JSON.stringify(task))) this.#tell(false);
			this.#seen.beat();
			if (ended) return;
			await changed;
		}
	}

	async #followOutput(): Promise<void> {
		const { request, outlet, signal } = this.#options;
		let { offset } = request;
		for (let attempt = request.attempt ?? 1; ; attempt++, offset = 0) {
			const task = await this.#until((seen) => seen.attempt >= attempt || isEnded(seen.status));
			if (task.attempt < attempt) return;
			// A follower of the whole task does not dwell on attempts that came and went before it looked.
			attempt = request.attempt ?? task.attempt;
			outlet.send({ type: "attempt", id: request.id, attempt });
			await this.#copy(attempt, offset);
			signal.throwIfAborted();
			if (request.attempt !== undefined) return;
		}
	}

	/** All output of one attempt from `offset` on: as it comes while the attempt is the current one, then the rest. */
	async #copy(attempt: number, offset: number): Promise<void> {
		const { logs, request, signal } = this.#options;
		let position = offset;
		const pass = async (frames: AsyncIterable<OutputFrame>) => {
			for await (const frame of frames) {
				await this.#send(frame);
				position = frame.offset + frame.length;
			}
		};
		if (this.#isCurrent(attempt)) {
			const over = new AbortController();
			const either = AbortSignal.any([signal, over.signal]);
			void this.#until(() => !this.#isCurrent(attempt)).then(
				() => over.abort(),
				() => {},
			);
			await pass(logs.read(request.task, attempt, { offset, follow: true, signal: either })).catch((error) => {
				if (!over.signal.aborted) throw error;
			});
		}
		signal.throwIfAborted();
		const end = await logs.end(request.task, attempt);
		if (end.offset > position) await pass(logs.read(request.task, attempt, { offset: position, follow: false, signal }));
	}

	#isCurrent(attempt: number): boolean {
		return this.#task?.attempt === attempt && isUnderWay(this.#task.status);
	}

	async #send(frame: OutputFrame): Promise<void> {
		const { outlet, request, signal } = this.#options;
		let rest = frame;
		while (rest.kind === "output" && rest.length > this.#credit) {
			const granted = this.#granted.next;
			if (this.#credit > 0) {
				outlet.sendFrame(request.id, { ...rest, data: rest.data.subarray(0, this.#credit), length: this.#credit });
				rest = { ...rest, offset: rest.offset + this.#credit, data: rest.data.subarray(this.#credit), length: rest.length - this.#credit };
				this.#credit = 0;
			}
			await granted;
			signal.throwIfAborted();
		}
		if (rest.kind === "output") this.#credit -= rest.length;
		outlet.sendFrame(request.id, rest);
		if (outlet.full) await outlet.drained();
	}

	async #until(condition: (task: TaskView) => boolean): Promise<TaskView> {
		for (;;) {
			const { next } = this.#seen;
			this.#options.signal.throwIfAborted();
			if (this.#task && condition(this.#task)) return this.#task;
			await next;
		}
	}

	#tell(ended: boolean): void {
		const { outlet, request } = this.#options;
		outlet.send({ type: "task", id: request.id, task: this.#task!, ended });
	}
}
