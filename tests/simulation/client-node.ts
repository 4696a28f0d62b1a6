import { isEnded, TaskSubmission, type TaskSubmissionInput } from "@covey/protocol";
import type { Bend } from "./bend.ts";
import { longestHoldMs } from "./books.ts";
import type { Coordinator } from "./coordinator.ts";
import type { Oracle } from "./oracle.ts";
import type { Weather } from "./weather.ts";
import type { SimulatedWork } from "./worker-node.ts";
import type { World } from "./world.ts";

const namespaces: readonly string[] = [];

/**
 * A person or an agent that submits work, retries with the same dedup key until it is acknowledged, and sometimes
 * cancels, supersedes or asks for what another one asks for too. Requests and answers get lost like all messages.
 */
export class ClientNode {
	readonly name: string;
	readonly #world: World;
	readonly #weather: Weather;
	readonly #coordinator: Coordinator;
	readonly #oracle: Oracle;
	readonly #bend: Bend;
	readonly #tasks: string[] = [];
	#count = 0;
	#left: number;
	#gone = false;
	/** Dedup keys of submissions without an answer yet. */
	readonly #open = new Set<string>();

	constructor(world: World, weather: Weather, coordinator: Coordinator, oracle: Oracle, bend: Bend, name: string, submissions: number) {
		this.#world = world;
		this.#weather = weather;
		this.#coordinator = coordinator;
		this.#oracle = oracle;
		this.#bend = bend;
		this.name = name;
		this.#left = weather.flood ? 2 * submissions : submissions;
	}

	start(): void {
		this.#world.after(this.#world.random.skewed(0, 60_000), () => this.#submitNext());
	}

	get done(): boolean {
		return this.#left === 0;
	}

	/** Everything that it asked for was acknowledged. */
	get answered(): boolean {
		return this.#open.size === 0;
	}

	#submitNext(): void {
		if (this.#left === 0) {
			this.#leave();
			return;
		}
		this.#left--;
		const submission = this.#draw();
		this.#open.add(submission.dedupKey!);
		this.#submit(submission);
		this.#world.after(this.#world.random.skewed(10, this.#weather.flood ? 3000 : 120_000), () => this.#submitNext());
	}

	/** Nobody is there any more to hear of its tasks, which go on. */
	#leave(): void {
		this.#world.saw("client left");
		this.#gone = true;
		if (!this.#bend.cancelsWhatItLeaves) return;
		const actor = { name: "coordinator", admin: true, namespaces };
		for (const task of this.#tasks) this.#coordinator.ask({ type: "task.cancel", actor, task, force: false }, () => {});
	}

	#draw(): TaskSubmission {
		const { random } = this.#world;
		const alike = this.#weather.flood && random.chance(0.9);
		const work: SimulatedWork = {
			askedAt: this.#world.now,
			runMs: random.chance(0.05) ? random.between(100_000, 900_000) : random.skewed(50, 120_000),
			outputBytes: random.skewed(0, 100_000),
			outcome: random.pick(["passed", "passed", "passed", "failed", "bad_environment", "out_of_memory"] as const),
		};
		const input: TaskSubmissionInput = {
			payload: { ...work },
			title: `${this.name} ${this.#count}`,
			namespace: alike ? "default" : random.pick(["default", "default", "other"] as const),
			dedupKey: `${this.name}-${this.#count++}`,
			priority: !alike && random.chance(0.2) ? random.between(-2, 2) : 0,
			policies: {
				onWorkerLost: random.pick(["requeue", "requeue", "requeue", "fail", "needs_human"] as const),
				fallback: alike ? "never" : random.pick(["never", "always", { afterMs: 30_000 }] as const),
				retry: { limit: random.between(0, 4), backoffMs: random.between(0, 5000) },
				...(random.chance(0.2) && { timeoutMs: random.between(1000, 100_000) }),
			},
			...(random.chance(0.1) && { supersedeKey: `newest-of-${this.name}` }),
			...(random.chance(0.1) && { mergeKey: `equal-${random.between(1, 2)}` }),
			...(random.chance(0.1) && { constraints: { tags: { kind: random.pick(["big", "small"]) } } }),
			...(random.chance(0.1) && { prefer: { machine: "worker-1", spillMs: random.between(0, 60_000) } }),
			...(random.chance(0.05) && { constraints: { slots: 2 } }),
			...(random.chance(0.1) && { holdMs: random.between(10_000, longestHoldMs) }),
		};
		return TaskSubmission.parse(input);
	}

	/** `asks`: the names that it went by in earlier tries. */
	#submit(submission: TaskSubmission, asks: readonly string[] = []): void {
		const { random } = this.#world;
		const { holds } = this.#oracle;
		const id = random.identifier("t_");
		const ask = random.identifier("a_");
		const tried = [...asks, ask];
		for (const each of tried) holds.spoke(each);
		if (submission.holdMs !== undefined) holds.asked(id);
		let acknowledged = false;
		// The request arrives, or not; the answer as well. Without an answer the same is asked again.
		this.#travel(() => {
			const known = [...this.#coordinator.history.values()].find(
				(task) => task.submission.dedupKey === submission.dedupKey && task.namespace === submission.namespace,
			);
			const answer = (task: string, how: string, heldAs?: string) =>
				this.#travel(() => {
					if (acknowledged) return;
					acknowledged = true;
					this.#open.delete(submission.dedupKey!);
					if (how !== "") this.#world.saw(how);
					this.#oracle.acknowledge(task);
					this.#tasks.push(task);
					if (submission.holdMs === undefined) {
						// A newer submission may take back what an older one had asked for.
						if (submission.supersedeKey === undefined) holds.lasts(task);
					} else if (heldAs !== undefined) this.#hold(task, heldAs, submission.holdMs);
					this.#acknowledged(task, how === "merged" ? undefined : ask);
				});
			if (known !== undefined) return answer(known.id, "deduplicated by history");
			this.#coordinator.ask(
				{ type: "task.submit", actor: { name: this.name, admin: false, namespaces }, tasks: [{ id, ask, submission }] },
				(reply) => {
					const result = reply.ok ? reply.results?.[0] : undefined;
					if (result === undefined) return;
					if (submission.holdMs !== undefined) holds.asked(result.task);
					answer(result.task, result.deduplicated ? "deduplicated" : result.merged ? "merged" : "", result.ask);
				},
			);
		});
		this.#world.after(random.between(3000, 20_000), () => {
			if (!acknowledged) this.#submit(submission, tried);
		});
	}

	/** Says that it is still there, until it leaves or hears that nobody waited for it. */
	#hold(task: string, ask: string, holdMs: number): void {
		this.#world.after(holdMs / 4, () => {
			if (this.#gone) return;
			const since = this.#world.now;
			const { holds } = this.#oracle;
			holds.spoke(ask);
			let lost = false;
			this.#travel(() =>
				this.#coordinator.ask(
					{ type: "task.hold", actor: { name: this.name, admin: false, namespaces }, holds: [{ task, ask }] },
					(reply) => {
						lost = !reply.ok || reply.lost?.includes(ask) === true;
						if (lost) return;
						this.#world.saw("hold renewed");
						holds.confirmed(task, since, holdMs);
					},
				),
			);
			this.#world.after(holdMs / 4, () => {
				if (!lost) this.#hold(task, ask, holdMs);
			});
		});
	}

	#acknowledged(task: string, ask: string | undefined): void {
		const { random } = this.#world;
		if (!random.chance(this.#weather.cancelChance)) return;
		this.#world.after(random.skewed(0, 60_000), () => {
			this.#world.saw("cancel asked");
			this.#oracle.cancelAsked(task);
			this.#coordinator.ask(
				{
					type: "task.cancel",
					actor: { name: this.name, admin: false, namespaces },
					task,
					...(ask && random.chance(0.5) && { ask }),
					force: random.chance(0.2),
				},
				(reply) => {
					if (reply.ok) this.#world.saw("cancel accepted");
				},
			);
		});
	}

	/** One way over a bad network. */
	#travel(arrive: () => void): void {
		const { random } = this.#world;
		if (random.chance(this.#weather.dropMessage)) return;
		this.#world.after(random.skewed(1, 300), arrive);
	}
}

/** The person who answers what needs one, so that everything ends. */
export function answerOpenQuestions(world: World, coordinator: Coordinator, oracle: Oracle): void {
	for (const task of oracle.acknowledged) {
		const view = coordinator.read(task);
		if (view === undefined || isEnded(view.status) || view.status !== "needs_human") continue;
		world.saw("a person decided");
		oracle.reopen(task);
		oracle.cancelAsked(task);
		coordinator.ask(
			{
				type: "task.resolve",
				actor: { name: "person", admin: true, namespaces },
				task,
				to: world.random.pick(["pending", "done", "failed", "cancelled"] as const),
			},
			() => {},
		);
	}
}

/** Work that no worker of this world can take is taken back in the end: the constraint was a wish, not a bug. */
export function withdrawImpossible(world: World, coordinator: Coordinator, oracle: Oracle): void {
	for (const task of oracle.acknowledged) {
		const view = coordinator.read(task);
		if (view?.status !== "pending") continue;
		const { constraints } = view.submission;
		if (Object.keys(constraints.tags).length === 0 && constraints.slots === 1) continue;
		world.saw("withdrew what no worker can take");
		oracle.cancelAsked(task);
		coordinator.ask({ type: "task.cancel", actor: { name: "person", admin: true, namespaces }, task, force: false }, () => {});
	}
}
