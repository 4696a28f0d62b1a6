import type { AttemptReport, Outcome, V2ToWorkerMessage, WorkerOffer } from "@covey/protocol";
import { attemptKey, parseAttemptKey } from "@covey/protocol";
import type { Connection, Upward } from "./connection.ts";
import type { CoordinatorSide } from "./coordinator-link.ts";

/** What a v1 worker says, as far as it matters here; output is a number of bytes. `token` and `ranMs` are for the oracle. */
export type FromV1 =
	| { readonly type: "pong" }
	| { readonly type: "output"; readonly job: string; readonly bytes: number }
	| { readonly type: "complete"; readonly job: string; readonly outcome: Outcome; readonly token: string; readonly ranMs: number };
export type ToV1 =
	| { readonly type: "ping" }
	| { readonly type: "job"; readonly job: string; readonly payload: unknown }
	| { readonly type: "cancel"; readonly job: string };

interface Job {
	readonly task: string;
	readonly attempt: number;
	channel: number | undefined;
	offset: number;
	held: number;
	reason?: Outcome;
	ended?: boolean;
}

/** Makes a v1 worker look like one of v2, as the coordinator's own adapter does (`coordinator/ws/v1`). */
export class V1Adapter implements CoordinatorSide {
	onUp: (message: Upward) => void = () => {};
	onCoordinatorEnd: () => void = () => {};
	readonly #wire: Connection<FromV1, ToV1>;
	readonly #jobs = new Map<string, Job>();
	#assigned = 0;
	#syncs = 0;

	constructor(wire: Connection<FromV1, ToV1>) {
		this.#wire = wire;
		wire.onUp = (message) => this.#receive(message);
		wire.onCoordinatorEnd = () => this.onCoordinatorEnd();
	}

	get id(): string {
		return this.#wire.id;
	}

	closeByCoordinator(): void {
		this.#wire.closeByCoordinator();
	}

	ping(): void {
		this.#wire.down({ type: "ping" });
	}

	down(message: V2ToWorkerMessage): void {
		switch (message.type) {
			case "assign": {
				const { task, attempt, channel, sequence, payload } = message;
				this.#assigned = sequence;
				const job = attemptKey(task, attempt);
				this.#jobs.set(job, { task, attempt, channel, offset: 0, held: 0 });
				this.#wire.down({ type: "job", job, payload });
				this.onUp({ type: "started", task, attempt });
				return;
			}
			case "cancel":
				this.#cancel(message);
				return;
			case "settle":
				this.#jobs.delete(attemptKey(message.task, message.attempt));
				return;
			case "synced":
				for (const each of message.end) this.#cancel(each);
				for (const each of message.settled) this.#jobs.delete(attemptKey(each.task, each.attempt));
				for (const each of message.resume) this.#resume(each);
				return;
			default:
				return;
		}
	}

	#cancel({ task, attempt, reason }: { readonly task: string; readonly attempt: number; readonly reason: Outcome }): void {
		const key = attemptKey(task, attempt);
		const job = this.#jobs.get(key);
		if (job !== undefined) job.reason ??= reason;
		this.#wire.down({ type: "cancel", job: key });
	}

	#resume({ task, attempt, channel, offset }: { task: string; attempt: number; channel: number; offset: number }): void {
		const job = this.#jobs.get(attemptKey(task, attempt));
		if (job === undefined || job.channel !== undefined) return;
		job.channel = channel;
		job.offset = offset;
		this.#frame(job, job.held);
	}

	#receive(message: FromV1): void {
		if (message.type === "pong") {
			this.#sync();
			return;
		}
		const job = this.#job(message.job);
		if (job === undefined) return;
		if (message.type === "output") {
			if (job.channel === undefined) job.held += message.bytes;
			else this.#frame(job, message.bytes);
		} else if (job.ended !== true) this.#end(job, message);
	}

	#frame(job: Job, bytes: number): void {
		if (bytes === 0) return;
		this.onUp({ type: "frame", channel: job.channel!, offset: job.offset, bytes });
		job.offset += bytes;
	}

	#end(job: Job, { outcome, token, ranMs }: Extract<FromV1, { type: "complete" }>): void {
		job.ended = true;
		const report: AttemptReport = {
			outcome: job.reason ?? outcome,
			message: token,
			artifacts: [],
			missing: [],
			outputBytes: job.offset + (job.channel === undefined ? job.held : 0),
			outputDroppedBytes: 0,
			timings: { command: ranMs },
		};
		this.onUp({ type: "complete", task: job.task, attempt: job.attempt, report });
	}

	/** A job of an earlier connection is heard of by what it sends. */
	#job(key: string): Job | undefined {
		const known = this.#jobs.get(key);
		if (known !== undefined) return known;
		const job: Job = { ...parseAttemptKey(key)!, channel: undefined, offset: 0, held: 0 };
		this.#jobs.set(key, job);
		this.#sync();
		return job;
	}

	#sync(): void {
		const attempts = [...this.#jobs.values()].map(({ task, attempt, ended }) => ({
			task,
			attempt,
			state: ended ? ("ended" as const) : ("running" as const),
		}));
		this.onUp({ type: "sync", sequence: ++this.#syncs, assigned: this.#assigned, attempts });
	}
}

export const v1Offer = (slots: number): WorkerOffer => ({
	slots,
	capabilities: ["run"],
	tags: {},
	os: "unknown",
	arch: "unknown",
	isolation: 0,
	version: "v1",
	warm: [],
});
