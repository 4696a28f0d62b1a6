import type { WorkerOffer } from "@covey/protocol";
import { answerOpenQuestions, ClientNode, withdrawImpossible } from "./client-node.ts";
import { CoordinatorNode } from "./coordinator-node.ts";
import { type FaultName, Faults } from "./faults.ts";
import { Oracle } from "./oracle.ts";
import { drawWeather, type Weather } from "./weather.ts";
import { WorkerNode } from "./worker-node.ts";
import { Violation, World } from "./world.ts";

export interface Outcome {
	readonly seed: number;
	readonly ticks: number;
	readonly virtualMs: number;
	/** What the oracle, or an assertion in the code under test, said. */
	readonly violation: string | undefined;
	readonly trace: readonly string[];
	readonly sometimes: ReadonlyMap<string, number>;
}

const offer = (slots: number, tags: Record<string, string>): WorkerOffer => ({
	slots,
	capabilities: ["run"],
	tags,
	os: "linux",
	arch: "x64",
	isolation: 0,
	version: "0.0.0",
	warm: [],
});

/**
 * One world: misfortune for as long as clients have work to submit (at most `ticks`), then calm, in which everything
 * must come to its end within a virtual day.
 */
export async function simulate(seed: number, ticks: number, fault?: FaultName): Promise<Outcome> {
	const world = new World(seed);
	const weather = drawWeather(world.random);
	const oracle = new Oracle(world);
	const faults = new Faults(fault);
	const coordinator = new CoordinatorNode(world, weather, oracle, faults);
	const { random } = world;
	const workers = Array.from({ length: random.between(1, 4) }, (_, index) => {
		const tags: Record<string, string> = random.chance(0.5) ? { kind: random.pick(["big", "small"]) } : {};
		return new WorkerNode(world, weather, coordinator, oracle, faults, {
			name: `worker-${index + 1}`,
			offer: offer(random.between(1, 4), tags),
		});
	});
	const clients = Array.from(
		{ length: random.between(1, 4) },
		(_, index) => new ClientNode(world, weather, coordinator, oracle, faults, `client-${index + 1}`, random.between(3, 25)),
	);

	let violation: string | undefined;
	try {
		await coordinator.start();
		for (const worker of workers) enrol(world, coordinator, worker);
		for (const worker of workers) world.after(random.skewed(0, 30_000), () => worker.start());
		for (const client of clients) client.start();
		const storm = brew(world, weather, coordinator, workers);
		while (world.ticks < ticks && !clients.every((client) => client.done)) if (!(await world.tick())) break;
		storm.stop();
		await calmDown(world, coordinator, workers, oracle);
	} catch (error) {
		violation = error instanceof Violation ? error.message : `${(error as Error).name}: ${(error as Error).stack}`;
	}
	return { seed, ticks: world.ticks, virtualMs: world.now, violation, trace: world.trace, sometimes: world.sometimes };
}

/** Asks again until it is acknowledged, as a person would. */
function enrol(world: World, coordinator: CoordinatorNode, worker: WorkerNode): void {
	let enrolled = false;
	world.after(10_000, () => {
		if (!enrolled) enrol(world, coordinator, worker);
	});
	coordinator.ask(
		{
			type: "worker.enrol",
			actor: { name: "admin", admin: true, namespaces: [] },
			record: {
				name: worker.name,
				identity: { kind: "key", publicKey: worker.name },
				enrolledAt: 0,
				namespaces: [],
				tags: {},
				draining: false,
				revoked: false,
			},
		},
		(reply) => {
			enrolled = reply.ok;
		},
	);
}

/** The misfortunes of this weather, each in its own rhythm, until `stop`. */
function brew(world: World, weather: Weather, coordinator: CoordinatorNode, workers: readonly WorkerNode[]): { stop: () => void } {
	const { random } = world;
	let over = false;
	const every = (meanMs: number, strike: () => void | Promise<void>) => {
		if (meanMs === 0) return;
		const next = () =>
			world.after(random.skewed(1, 4 * meanMs), async () => {
				if (over) return;
				await strike();
				next();
			});
		next();
	};
	every(weather.workerCrashEveryMs, () => {
		const worker = random.pick(workers);
		worker.crash();
		world.after(random.skewed(100, 300_000), () => worker.start());
	});
	every(weather.coordinatorCrashEveryMs, async () => {
		if (random.chance(weather.crashAtEffect)) coordinator.crashAtNextEffect();
		else if (coordinator.up) await coordinator.crashAndRestart();
	});
	every(weather.sleepEveryMs, () => {
		if (random.chance(0.8)) random.pick(workers).sleep(random.skewed(1000, 600_000));
		else coordinator.frozenUntil = world.now + random.skewed(1000, 120_000);
	});
	every(weather.drainEveryMs, () => drain(world, coordinator, random.pick(workers), random.chance(0.5)));
	every(weather.twinEveryMs, () => {
		// The same identity starts a second time elsewhere (a copied home), and the first goes away.
		const worker = random.pick(workers);
		if (!worker.up) return;
		world.saw("same identity, another process");
		worker.crash();
		worker.start();
	});
	return {
		stop: () => {
			over = true;
		},
	};
}

function drain(world: World, coordinator: CoordinatorNode, worker: WorkerNode, draining: boolean): void {
	world.saw(draining ? "drained" : "undrained");
	coordinator.ask({ type: "worker.drain", actor: { name: "admin", admin: true, namespaces: [] }, worker: worker.name, draining }, () => {});
}

/** Nothing goes wrong any more: whatever was acknowledged must end, and everything must be told truly. */
async function calmDown(world: World, coordinator: CoordinatorNode, workers: readonly WorkerNode[], oracle: Oracle): Promise<void> {
	coordinator.calm = true;
	const deadline = world.now + calmMs;
	const tend = (): void => {
		if (coordinator.up) {
			for (const worker of workers) drain(world, coordinator, worker, false);
			answerOpenQuestions(world, coordinator, oracle);
			if (world.now > deadline - calmMs + 3_600_000) withdrawImpossible(world, coordinator, oracle);
		}
		for (const worker of workers) worker.start();
		if (world.now < deadline) world.after(60_000, tend);
	};
	tend();
	while (world.now < deadline && !(await isQuiet(world, coordinator, oracle))) if (!(await world.tick())) break;
	oracle.finish((task) => coordinator.read(task) ?? coordinator.history.get(task));
}

/** One worker with one slot gets through everything that four clients ask for. */
const calmMs = 24 * 3_600_000;

let lastLook = 0;
async function isQuiet(world: World, coordinator: CoordinatorNode, oracle: Oracle): Promise<boolean> {
	if (world.ticks - lastLook < 256 && world.ticks > lastLook) return false;
	lastLook = world.ticks;
	if (!coordinator.up || oracle.processes > 0) return false;
	return [...oracle.acknowledged].every((task) => coordinator.history.has(task));
}
