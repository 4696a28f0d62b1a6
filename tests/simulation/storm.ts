import type { V1Worker } from "./v1-worker.ts";
import type { Site, WorkerNode } from "./worker-node.ts";

const admin = { name: "admin", admin: true, namespaces: [] };

/** The misfortunes of this weather, each in its own rhythm, until `stop`. */
export function brew(site: Site, workers: readonly WorkerNode[], twin: WorkerNode, old: V1Worker | undefined): { stop: () => void } {
	const { world, weather, coordinator, oracle } = site;
	const { random } = world;
	let over = false;
	const every = (meanMs: number, strike: () => void) => {
		if (meanMs === 0) return;
		const next = () =>
			world.after(random.skewed(1, 4 * meanMs), () => {
				if (over) return;
				strike();
				next();
			});
		next();
	};
	every(weather.workerCrashEveryMs, () => {
		const worker = random.pick(workers);
		// That it offers no slots any more is said once: a connection that loses single messages would never tell.
		if (random.chance(0.5) || weather.dropMessage > 0) worker.crash();
		else worker.leave();
		world.after(random.skewed(100, 300_000), () => worker.start());
	});
	every(old === undefined ? 0 : weather.workerCrashEveryMs, () => {
		old!.crash();
		world.after(random.skewed(100, 300_000), () => old!.start());
	});
	every(weather.cutEveryMs, () => {
		const ms = random.skewed(1000, 600_000);
		for (const worker of random.chance(0.2) ? workers : [random.pick(workers)]) worker.cut(ms);
	});
	every(weather.coordinatorCrashEveryMs, () => {
		if (random.chance(weather.crashAtEffect)) coordinator.crashAtNextEffect();
		else if (coordinator.up) coordinator.crashAndRestart();
	});
	every(weather.sleepEveryMs, () => {
		if (random.chance(0.8)) random.pick(workers).sleep(random.skewed(1000, 600_000));
		else {
			world.saw("coordinator frozen");
			coordinator.frozenUntil = world.now + random.skewed(1000, 120_000);
		}
	});
	every(weather.drainEveryMs, () => drain(site, random.pick(workers), random.chance(0.5)));
	every(weather.pressureEveryMs, () => random.pick(workers).feel(random.chance(0.5)));
	every(weather.revokeEveryMs, () => {
		const worker = random.pick(workers);
		revoke(site, worker);
		world.after(random.skewed(100, 300_000), () => enrol(site, worker));
	});
	every(weather.twinEveryMs, () => {
		world.saw("two processes of one identity");
		world.note(() => `a twin of ${twin.name} starts`);
		oracle.doubled.add(twin.name);
		twin.start();
		world.after(random.skewed(1000, 300_000), () => twin.crash());
	});
	return {
		stop: () => {
			over = true;
		},
	};
}

/** Asks again until it is acknowledged, as a person would. After a revocation it comes with a new key. */
export function enrol(site: Site, worker: Pick<WorkerNode, "name" | "embedded" | "keys">): void {
	const { world, coordinator } = site;
	let enrolled = false;
	const identity = worker.embedded
		? ({ kind: "embedded" } as const)
		: ({ kind: "key", publicKey: `${worker.name} ${worker.keys}` } as const);
	const namespaces = worker.name === "worker-3" ? ["other"] : [];
	const record = { name: worker.name, identity, enrolledAt: 0, namespaces, tags: {}, draining: false, revoked: false };
	world.after(10_000, () => {
		if (!enrolled && !world.calm) enrol(site, worker);
	});
	coordinator.ask({ type: "worker.enrol", actor: admin, record }, (reply) => {
		enrolled = true;
		// Refused as revoked; in use means that another try of ours has won.
		if (reply.ok || reply.error.code !== "forbidden") return;
		worker.keys++;
		enrol(site, worker);
	});
}

export function drain({ world, coordinator }: Site, worker: WorkerNode, draining: boolean): void {
	world.saw(draining ? "drained" : "undrained");
	coordinator.ask({ type: "worker.drain", actor: admin, worker: worker.name, draining }, () => {});
}

function revoke({ world, coordinator }: Site, worker: WorkerNode): void {
	world.saw("worker revoked");
	world.note(() => `${worker.name} is revoked`);
	coordinator.ask({ type: "worker.revoke", actor: admin, worker: worker.name }, () => {});
}
