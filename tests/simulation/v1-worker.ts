import type { Outcome } from "@covey/protocol";
import { parseAttemptKey } from "@covey/protocol";
import { Connection } from "./connection.ts";
import type { Run } from "./oracle.ts";
import { type FromV1, type ToV1, V1Adapter, v1Offer } from "./v1-adapter.ts";
import type { SimulatedWork, Site } from "./worker-node.ts";

/**
 * A worker that speaks only v1: knows nothing of leases, attempts or drains, says each thing once, and forgets
 * everything when it restarts.
 */
export class V1Worker {
	readonly name = "old-1";
	readonly embedded = false;
	keys = 0;
	readonly #site: Site;
	#up = false;
	#connection: Connection<FromV1, ToV1> | undefined;
	readonly #jobs = new Map<string, Run>();

	constructor(site: Site) {
		this.#site = site;
	}

	start(): void {
		if (this.#up) return;
		this.#up = true;
		this.#connectSoon();
	}

	crash(): void {
		if (!this.#up) return;
		this.#site.world.saw("v1 worker crashed");
		this.#up = false;
		this.#connection?.closeByWorker();
		this.#connection = undefined;
		for (const run of this.#jobs.values()) this.#site.oracle.processEnded(run);
		this.#jobs.clear();
	}

	#connectSoon(): void {
		const { world, weather, coordinator } = this.#site;
		world.after(world.random.between(1, 8000), () => {
			if (!this.#up || this.#connection !== undefined) return;
			if (!coordinator.up) return this.#connectSoon();
			// v1 heals nothing, so a live connection must lose nothing.
			const connection = new Connection<FromV1, ToV1>(world, weather, false, false);
			this.#connection = connection;
			connection.onDown = (message) => this.#received(connection, message);
			connection.onWorkerEnd = () => {
				if (this.#connection !== connection) return;
				this.#connection = undefined;
				this.#connectSoon();
			};
			const adapter = new V1Adapter(connection);
			const introduction = { worker: this.name, instance: "v1-old-1-instance", offer: v1Offer(2), protocol: 1 };
			coordinator.accept(adapter, introduction, () => {
				world.saw("v1 worker connected");
				const ping = (): void => {
					if (!connection.coordinatorOpen) return;
					adapter.ping();
					world.after(30_000, ping);
				};
				ping();
			});
		});
	}

	#received(connection: Connection<FromV1, ToV1>, message: ToV1): void {
		if (this.#connection !== connection) return;
		if (message.type === "ping") connection.up({ type: "pong" });
		else if (message.type === "cancel") this.#finish(message.job, "failed");
		else this.#begin(message.job, message.payload as SimulatedWork);
	}

	#begin(job: string, work: SimulatedWork): void {
		const { world, oracle } = this.#site;
		if (this.#jobs.has(job)) return;
		const run: Run = {
			...parseAttemptKey(job)!,
			worker: this.name,
			token: `run-${world.serial()}`,
			fences: false,
			asleep: () => false,
			isAlive: () => false,
		};
		this.#jobs.set(job, run);
		oracle.processStarted(run);
		const startedAt = world.now;
		world.after(work.runMs / 2, () => {
			if (this.#jobs.get(job) === run) this.#connection?.up({ type: "output", job, bytes: work.outputBytes });
		});
		world.after(work.runMs, () => {
			if (this.#jobs.get(job) === run) this.#finish(job, work.outcome, world.now - startedAt);
		});
	}

	#finish(job: string, outcome: Outcome, ranMs = 0): void {
		const run = this.#jobs.get(job);
		if (run === undefined) return;
		this.#jobs.delete(job);
		this.#site.oracle.processEnded(run);
		// Once, to whoever listens now.
		this.#connection?.up({ type: "complete", job, outcome, token: run.token, ranMs });
	}
}
