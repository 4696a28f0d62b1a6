import type { WorkerOffer } from "@covey/protocol";
import { answerOpenQuestions, ClientNode, withdrawImpossible } from "./client-node.ts";
import { CoordinatorNode } from "./coordinator-node.ts";
import { DrivenCoordinator } from "./driven-coordinator.ts";
import { settled, takeTimers } from "./driven-timers.ts";
import { Oracle } from "./oracle.ts";
import { brew, drain, enrol } from "./storm.ts";
import { V1Worker } from "./v1-worker.ts";
import { drawWeather } from "./weather.ts";
import { type Site, WorkerNode } from "./worker-node.ts";
import { Violation, World } from "./world.ts";
import { bendOf, type FaultName } from "./zoo.ts";

export interface Outcome {
	readonly seed: number;
	readonly ticks: number;
	readonly virtualMs: number;
	/** What the oracle, or an assertion in the code under test, said. */
	readonly violation: string | undefined;
	readonly trace: readonly string[];
	/** Of the whole story: the same seed has the same. */
	readonly hash: number;
	readonly sometimes: ReadonlyMap<string, number>;
}

/** What is to be different from a plain world. */
export interface Setting {
	readonly fault?: FaultName;
	/** The coordinator's real driver runs instead of the model of it. */
	readonly driver?: boolean;
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
export async function simulate(seed: number, ticks: number, { fault, driver = false }: Setting = {}): Promise<Outcome> {
	const world = new World(seed);
	const weather = drawWeather(world.random);
	const oracle = new Oracle(world);
	const bend = bendOf(fault);
	oracle.lossyLink = weather.dropMessage > 0;
	const coordinator = new (driver ? DrivenCoordinator : CoordinatorNode)(world, weather, oracle, bend);
	using _timers = coordinator instanceof DrivenCoordinator ? takeTimers(coordinator.later) : undefined;
	if (driver) world.settle = settled;
	let violation: string | undefined;
	try {
		await live({ world, weather, coordinator, oracle, bend }, ticks);
	} catch (error) {
		violation = error instanceof Violation ? error.message : `${(error as Error).name}: ${(error as Error).stack}`;
	}
	return { seed, ticks: world.ticks, virtualMs: world.now, violation, trace: world.trace, hash: world.hash, sometimes: world.sometimes };
}

/** From the first happening to the last. */
async function live(site: Site, ticks: number): Promise<void> {
	const { world, weather, coordinator, oracle, bend } = site;
	const { random } = world;
	const workers = Array.from({ length: random.between(1, 4) }, (_, index) => {
		const tags: Record<string, string> = random.chance(0.5) ? { kind: random.pick(["big", "small"]) } : {};
		return new WorkerNode(site, { name: `worker-${index + 1}`, offer: offer(random.between(1, 4), tags) });
	});
	// A copied home: another process that says it is the first worker.
	const twin = new WorkerNode(site, { name: workers[0]!.name, offer: workers[0]!.offer });
	const old = random.chance(0.3) ? new V1Worker(site) : undefined;
	if (random.chance(0.5))
		coordinator.embedded = new WorkerNode(site, { name: "embedded", offer: offer(random.between(1, 2), {}), embedded: true });
	const clients = Array.from(
		{ length: random.between(1, 4) },
		(_, index) => new ClientNode(world, weather, coordinator, oracle, bend, `client-${index + 1}`, random.between(3, 25)),
	);

	await coordinator.start();
	for (const worker of coordinator.embedded === undefined ? workers : [...workers, coordinator.embedded]) enrol(site, worker);
	for (const worker of workers) world.after(random.skewed(0, 30_000), () => worker.start());
	if (old !== undefined) {
		enrol(site, old);
		old.start();
	}
	for (const client of clients) client.start();
	const storm = brew(site, workers, twin, old);
	while (world.ticks < ticks && !clients.every((client) => client.done)) if (!(await world.tick())) break;
	storm.stop();
	old?.start();
	await calmDown(site, workers, twin, clients);
}

/** Nothing goes wrong any more: whatever was acknowledged must end, and everything must be told truly. */
async function calmDown(site: Site, workers: readonly WorkerNode[], twin: WorkerNode, clients: readonly ClientNode[]): Promise<void> {
	const { world, coordinator, oracle } = site;
	twin.crash();
	world.calm = true;
	const deadline = world.now + calmMs;
	const tend = (): void => {
		if (coordinator.up) {
			for (const worker of workers) {
				drain(site, worker, false);
				enrol(site, worker);
				worker.feel(true);
			}
			answerOpenQuestions(world, coordinator, oracle);
			if (world.now > deadline - calmMs + 3_600_000) withdrawImpossible(world, coordinator, oracle);
		}
		for (const worker of workers) worker.start();
		if (world.now < deadline) world.after(60_000, tend);
	};
	tend();
	let looked = 0;
	const quiet = (): boolean => {
		if (world.ticks - looked < 256) return false;
		looked = world.ticks;
		return (
			coordinator.up &&
			oracle.processes === 0 &&
			clients.every((client) => client.answered) &&
			coordinator.fleet.tasks.size === 0 &&
			[...oracle.acknowledged].every((task) => coordinator.history.has(task))
		);
	};
	while (world.now < deadline && !quiet()) if (!(await world.tick())) break;
	// Time for receipts, for disconnected workers to be given up, and for sleepers (ten minutes at most) to wake and report.
	const end = world.now + 1_200_000;
	while (world.now < end && (await world.tick()));
	for (const worker of workers)
		if (worker.remembered > 0) throw new Violation(`${worker.name} keeps ${worker.remembered} reports that nobody wants`);
	oracle.finish(coordinator.fleet, (task) => coordinator.read(task) ?? coordinator.history.get(task));
	await coordinator.checkDisk();
}

/** One worker with one slot gets through everything that four clients ask for. */
const calmMs = 24 * 3_600_000;
