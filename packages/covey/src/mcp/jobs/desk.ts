import type { Fleet } from "@covey/client";
import { CoveyError, isEnded, type TaskSubmissionInput } from "@covey/protocol";
import { wireLimits } from "@covey/protocol/limits";
import { mcpLimits } from "#mcp/limits.ts";
import type { McpSettings } from "#mcp/options.ts";
import { Job } from "./job.ts";

/** Whose presence keeps a run alive: the connection's, or that of a call that waits for it (HTTP knows no connection). */
export type Presence = "connection" | "calls";

/** What this asker has of a task that it started. */
interface Own {
	/** Its asks, one for each call that started it. Held: it ends when nobody is there; the others were detached. */
	readonly asks: Map<string, { readonly held: boolean }>;
	/** Calls that wait for it now. */
	waiting: number;
	/** A call has waited for it since the last renewal, be it for a moment: whoever polls is there, too. */
	seen: boolean;
}

/** What the asker is to be told of a job that it started, whenever it asks for the answer. */
export interface Asked {
	readonly uncommitted: number;
	readonly notes: readonly string[];
}

/**
 * The jobs that one asker has started or asked about. What it started and did not detach ends with it: by `leave`, or
 * because the coordinator no longer hears that somebody is there.
 */
export class JobDesk {
	readonly #open: () => Promise<Fleet>;
	readonly #presence: Presence;
	readonly #holdMs: number;
	readonly #jobs = new Map<string, Job>();
	readonly #own = new Map<string, Own>();
	readonly #asked = new Map<string, Asked>();
	readonly #answers = new Map<string, Promise<unknown>>();
	#timer: NodeJS.Timeout | undefined;

	constructor(open: () => Promise<Fleet>, presence: Presence, { holdMs }: Pick<McpSettings, "holdMs">) {
		this.#holdMs = holdMs;
		this.#open = open;
		this.#presence = presence;
	}

	fleet(): Promise<Fleet> {
		return this.#open();
	}

	/**
	 * Submits and follows. `ask` is this call's own; `notes` are said with the answer.
	 * @throws CoveyError `too_many`, before anything is submitted; what `submit` refuses.
	 */
	async start(submission: TaskSubmissionInput, { uncommitted, notes }: Asked): Promise<{ readonly job: Job; readonly ask: string }> {
		this.#makeRoom();
		const fleet = await this.#open();
		const { task, ask, merged, deduplicated } = await fleet.submit(submission);
		if (deduplicated) await this.#refuseOther(task, submission);
		this.#keep(task, ask, submission.holdMs !== undefined);
		this.#asked.delete(task);
		this.#asked.set(task, { uncommitted, notes: merged ? [...notes, "The same work was in flight already: this is its result."] : notes });
		const job = await this.find(task).catch(async (error) => {
			// Its caller hears that nothing was done: so it be.
			if (submission.holdMs !== undefined) await this.cancel(task, ask).catch(() => {});
			throw error;
		});
		job.ended.then(
			() => this.#own.delete(task),
			() => {},
		);
		return { job, ask };
	}

	/** The same key for something else is a mistake: its answer would be that of another question. */
	async #refuseOther(id: string, submission: TaskSubmissionInput): Promise<void> {
		const earlier = await (await this.#open()).call("task.get", { task: id });
		const asked = (payload: unknown) => JSON.stringify((payload as { readonly command?: unknown } | undefined)?.command);
		if (asked(earlier.submission.payload) === asked(submission.payload)) return;
		throw new CoveyError("conflict", `this idempotency_key was used for another call: ${earlier.title}`, {
			hint: `use another key, or ask for that one: job_wait {"job_id":"${id}"}`,
		});
	}

	/** @throws CoveyError `not_found`, `forbidden`, `too_many`. */
	async find(id: string): Promise<Job> {
		const known = this.#jobs.get(id);
		if (known !== undefined) return known;
		this.#makeRoom();
		const fleet = await this.#open();
		const task = await fleet.call("task.get", { task: id });
		const meanwhile = this.#jobs.get(id);
		if (meanwhile !== undefined) return meanwhile;
		const job = new Job(fleet, task);
		this.#jobs.set(id, job);
		job.ended.catch(() => {
			if (this.#jobs.get(id) === job) this.#jobs.delete(id);
		});
		return job;
	}

	/** Undefined for a job that this desk has not started: what it brings is not for this asker's worktree. */
	asked(id: string): Asked | undefined {
		return this.#asked.get(id);
	}

	/** What is worked out once for a job, however many ask for it. */
	once<T>(job: Job, work: () => Promise<T>): Promise<T> {
		const known = this.#answers.get(job.id) as Promise<T> | undefined;
		if (known !== undefined) return known;
		const answer = work();
		this.#answers.set(job.id, answer);
		answer.catch(() => this.#answers.delete(job.id));
		return answer;
	}

	/**
	 * Takes back what this desk asked for, or only the ask of one call; the task goes on for others who asked for it. A
	 * task that this desk knows no ask of is ended.
	 */
	async cancel(id: string, ask?: string): Promise<void> {
		const own = this.#own.get(id);
		const asks = ask === undefined ? [...(own?.asks.keys() ?? [])] : [ask];
		for (const one of asks) own?.asks.delete(one);
		if (own?.asks.size === 0) this.#own.delete(id);
		const fleet = await this.#open();
		if (asks.length === 0) await fleet.call("task.cancel", { task: id });
		await Promise.all(asks.map((one) => fleet.call("task.cancel", { task: id, ask: one })));
	}

	/** A call that waits is a sign of life. */
	present(id: string): Disposable {
		const own = this.#own.get(id);
		if (own) {
			own.waiting++;
			own.seen = true;
		}
		return {
			[Symbol.dispose]: () => {
				if (!own) return;
				own.waiting--;
				own.seen = true;
			},
		};
	}

	/** The asker is gone: what it started ends, what it detached goes on. Waits for the coordinator's word only so long. */
	async leave(): Promise<void> {
		const cancels = this.#held().map(({ task, ask }) => this.cancel(task, ask).catch(() => {}));
		if (cancels.length > 0) await Promise.race([Promise.all(cancels), new Promise((resolve) => setTimeout(resolve, mcpLimits.goodbyeMs))]);
		this.forget();
	}

	/** Looks after nothing any more. What is held ends when its hold does. */
	forget(): void {
		clearInterval(this.#timer);
		for (const job of this.#jobs.values()) job.close();
	}

	#keep(id: string, ask: string, held: boolean): void {
		let own = this.#own.get(id);
		if (own === undefined) {
			own = { asks: new Map(), waiting: 0, seen: true };
			this.#own.set(id, own);
		}
		own.asks.set(ask, { held });
		if (held) this.#timer ??= setInterval(() => void this.#renew(), this.#holdMs / 4).unref();
	}

	#held(isThere: (own: Own) => boolean = () => true): { readonly task: string; readonly ask: string }[] {
		return [...this.#own]
			.filter(([, own]) => isThere(own))
			.flatMap(([task, { asks }]) => [...asks].filter(([, { held }]) => held).map(([ask]) => ({ task, ask })));
	}

	async #renew(): Promise<void> {
		const holds = this.#held(({ waiting, seen }) => this.#presence === "connection" || waiting > 0 || seen);
		for (const own of this.#own.values()) own.seen = false;
		for (let at = 0; at < holds.length; at += wireLimits.batchMax) {
			const batch = holds.slice(at, at + wireLimits.batchMax);
			// A lost renewal is made good by the next: four fit into one hold.
			await this.#open()
				.then((fleet) => fleet.call("task.hold", { holds: batch }))
				.then(({ lost }) => this.#drop(batch, lost))
				.catch(() => {});
		}
	}

	/** Asks that ended while nobody followed them, as over a link that was given up. */
	#drop(holds: readonly { readonly task: string; readonly ask: string }[], lost: readonly string[]): void {
		const gone = new Set(lost);
		for (const { task, ask } of holds) {
			if (!gone.has(ask)) continue;
			const own = this.#own.get(task);
			own?.asks.delete(ask);
			if (own?.asks.size === 0) this.#own.delete(task);
		}
	}

	/** For one job more. */
	#makeRoom(): void {
		for (const id of this.#asked.keys()) {
			if (this.#asked.size < mcpLimits.jobsMax) break;
			this.#asked.delete(id);
		}
		for (const [id, job] of this.#jobs) {
			if (this.#jobs.size < mcpLimits.jobsMax) return;
			if (!isEnded(job.task.status)) continue;
			this.#jobs.delete(id);
			this.#answers.delete(id);
		}
		if (this.#jobs.size >= mcpLimits.jobsMax)
			throw new CoveyError("too_many", `${mcpLimits.jobsMax} jobs of this connection are under way`, {
				hint: "wait for some of them with job_wait, or end them with job_cancel",
			});
	}
}
