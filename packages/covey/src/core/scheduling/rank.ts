import type { Candidate, Placement, TaskSubmission } from "@covey/protocol";
import { limits } from "#core/limits.ts";
import type { Task } from "#core/task.ts";
import type { Worker } from "#core/worker.ts";
import type { WorkClass } from "./class.ts";
import { isTargeted } from "./match.ts";
import { spares } from "./reserve.ts";
import { freedom, freedomLevels, openSlots, type Scheduler } from "./scheduler.ts";

/** What each reason is worth in a bid. A warm worktree outweighs a half empty machine, a person's wish outweighs all. */
const worth = { preferred: 200, warm: 60, free: 100 } as const;

export interface Choice {
	readonly worker: Worker;
	readonly candidates: Candidate[];
}

/** The best bid among the workers with room that can do this task now; undefined when there is none. The embedded worker never bids. */
export function choose(scheduler: Scheduler, workClass: WorkClass, task: Task, preferred: Worker | undefined): Choice | undefined {
	const slots = workClass.needs.constraints.slots;
	const fits = (worker: Worker): boolean =>
		workClass.eligible.has(worker.standing.number) && openSlots(worker) >= slots && spares(worker, workClass, task);
	const considered = new Set<Worker>();
	if (preferred !== undefined && fits(preferred)) considered.add(preferred);
	considerWarm(scheduler, task, fits, considered);
	considerFree(scheduler, workClass, fits, considered);
	let best: Worker | undefined;
	let bestBid = 0;
	const candidates: Candidate[] = [];
	for (const worker of considered) {
		const bid = bidOf(worker, task);
		candidates.push({ worker: worker.record.name, bid });
		if (best === undefined || bid > bestBid) [best, bestBid] = [worker, bid];
	}
	if (best === undefined) return undefined;
	scheduler.cursor = best.standing.number + 1;
	return { worker: best, candidates };
}

/** Higher is better. Whole numbers, so that records read well. */
export function bidOf(worker: Worker, task: Task): number {
	const { submission } = task.spec;
	const free = worth.free * freedom(worker, openSlots(worker));
	const preferred = submission.prefer?.machine === worker.record.name ? worth.preferred : 0;
	return Math.round(free + preferred + (isWarm(worker, submission) ? worth.warm : 0));
}

/** Why it goes there, in a word and in a sentence. Call before the worker's slots are taken. */
export function reasonFor(workClass: WorkClass, task: Task, worker: Worker): Pick<Placement, "because" | "sentence"> {
	const { name, identity } = worker.record;
	const warm = isWarm(worker, task.spec.submission);
	const because = ((): Placement["because"] => {
		if (isTargeted(workClass.needs, name)) return "targeted";
		if (task.spec.submission.prefer?.machine === name) return "preferred";
		if (identity.kind === "embedded") return "fallback";
		if (workClass.eligible.size === 1) return "only";
		return warm ? "warm" : "free";
	})();
	const facts = [
		`${openSlots(worker)} of ${worker.offer?.slots} slots free`,
		because === "targeted" && "asked for by name",
		because === "preferred" && "preferred",
		because === "fallback" && fallbackReason(workClass),
		because === "only" && "the only worker that fits",
		workClass.reserved === worker && "kept free for it",
		warm && "has this repository warm",
	];
	return { because, sentence: `${name}: ${facts.filter((fact) => fact !== false).join(", ")}` };
}

/** The repository whose exact state the work needs, if any. */
export function repositoryOf(submission: TaskSubmission): string | undefined {
	const { payload } = submission;
	if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return undefined;
	const { snapshot } = payload as { snapshot?: { repository?: unknown } };
	return typeof snapshot?.repository === "string" ? snapshot.repository : undefined;
}

function fallbackReason({ eligible, needs }: WorkClass): string {
	if (eligible.size === 0) return "the coordinator's own worker, as no other that fits is connected";
	return `the coordinator's own worker, as all others that fit are busy${needs.fallback === "always" ? "" : " for too long"}`;
}

function isWarm(worker: Worker, submission: TaskSubmission): boolean {
	const repository = repositoryOf(submission);
	return repository !== undefined && worker.standing.warm.has(repository);
}

function considerWarm(scheduler: Scheduler, task: Task, fits: (worker: Worker) => boolean, considered: Set<Worker>): void {
	const repository = repositoryOf(task.spec.submission);
	const warm = repository === undefined ? undefined : scheduler.warm.get(repository);
	if (warm === undefined) return;
	let looked = 0;
	for (const worker of warm) {
		if (fits(worker)) considered.add(worker);
		if (++looked === limits.warmConsideredMax || considered.size > limits.warmBidsMax) return;
	}
}

/** Freest first; within a level from the cursor on, round. */
function considerFree(scheduler: Scheduler, workClass: WorkClass, fits: (worker: Worker) => boolean, considered: Set<Worker>): void {
	let found = 0;
	for (let level = freedomLevels - 1; level >= 0 && found === 0; level--) {
		const free = scheduler.levels[level]!;
		if (free.size === 0) continue;
		let wrapped = false;
		for (let at = scheduler.cursor; ; at++) {
			at = workClass.eligible.nextCommon(free, at);
			if (at < 0 && !wrapped) {
				wrapped = true;
				at = workClass.eligible.nextCommon(free, 0);
			}
			if (at < 0 || (wrapped && at >= scheduler.cursor)) break;
			const worker = scheduler.workers[at]!;
			if (!fits(worker)) continue;
			considered.add(worker);
			if (++found === limits.freeBidsMax) return;
		}
	}
}
