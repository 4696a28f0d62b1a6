import type { Fleet } from "@covey/client";
import { CoveyError, isEnded, type TaskSubmissionInput } from "@covey/protocol";
import { mcpLimits } from "#mcp/limits.ts";
import type { McpSettings } from "#mcp/options.ts";
import { Job } from "./job.ts";

/** Whose presence keeps a run alive: the connection's, or that of a call that waits for it (HTTP knows no connection). */
export type Presence = "connection" | "calls";

interface Own {
	readonly ask: string;
	/** Calls that wait for it now. */
	waiting: number;
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

	/** Submits and follows. `merged`: the same work was in flight already. */
	async start(submission: TaskSubmissionInput): Promise<{ readonly job: Job; readonly merged: boolean }> {
		const fleet = await this.#open();
		const { task, ask, merged } = await fleet.submit(submission);
		if (submission.holdMs !== undefined) this.#hold(task, ask);
		return { job: await this.find(task), merged };
	}

	/** @throws CoveyError `not_found`, `forbidden`. */
	async find(id: string): Promise<Job> {
		const known = this.#jobs.get(id);
		if (known !== undefined) return known;
		const fleet = await this.#open();
		const job = new Job(fleet, await fleet.call("task.get", { task: id }));
		this.#jobs.set(id, job);
		job.ended.catch(() => this.#jobs.delete(id)).finally(() => this.#own.delete(id));
		this.#forgetOldest();
		return job;
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

	/** Takes back what this desk asked for; of a task that others asked for too only that. */
	async cancel(id: string): Promise<void> {
		const fleet = await this.#open();
		const ask = this.#own.get(id)?.ask;
		this.#own.delete(id);
		await fleet.call("task.cancel", { task: id, ...(ask !== undefined && { ask }) });
	}

	/** A call that waits is a sign of life. */
	present(id: string): Disposable {
		const own = this.#own.get(id);
		if (own) own.waiting++;
		return {
			[Symbol.dispose]: () => {
				if (own) own.waiting--;
			},
		};
	}

	/** The asker is gone: what it started ends, what it detached goes on. Waits for the coordinator's word only so long. */
	async leave(): Promise<void> {
		const cancels = [...this.#own.keys()].map((id) => this.cancel(id).catch(() => {}));
		if (cancels.length > 0) await Promise.race([Promise.all(cancels), new Promise((resolve) => setTimeout(resolve, mcpLimits.goodbyeMs))]);
		this.forget();
	}

	/** Looks after nothing any more. What is held ends when its hold does. */
	forget(): void {
		clearInterval(this.#timer);
		for (const job of this.#jobs.values()) job.close();
	}

	#hold(id: string, ask: string): void {
		this.#own.set(id, { ask, waiting: 0 });
		this.#timer ??= setInterval(() => void this.#renew(), this.#holdMs / 4).unref();
	}

	async #renew(): Promise<void> {
		const held = [...this.#own].filter(([, own]) => this.#presence === "connection" || own.waiting > 0);
		if (held.length === 0) return;
		const holds = held.map(([task, { ask }]) => ({ task, ask }));
		// A lost renewal is made good by the next: four fit into one hold.
		await this.#open()
			.then((fleet) => fleet.call("task.hold", { holds }))
			.catch(() => {});
	}

	#forgetOldest(): void {
		for (const [id, job] of this.#jobs) {
			if (this.#jobs.size <= mcpLimits.jobsMax) return;
			if (!isEnded(job.task.status)) continue;
			this.#jobs.delete(id);
			this.#answers.delete(id);
		}
		if (this.#jobs.size > mcpLimits.jobsMax)
			throw new CoveyError("too_many", `more than ${mcpLimits.jobsMax} jobs of this connection are under way`, {
				hint: "wait for some of them with job_wait, or end them with job_cancel",
			});
	}
}
