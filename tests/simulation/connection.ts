import type { V2FromWorkerMessage, V2ToWorkerMessage } from "@covey/protocol";
import type { Weather } from "./weather.ts";
import type { World } from "./world.ts";

/** Output as the simulation sees it: how many bytes at which offset. */
export interface SimulatedFrame {
	readonly type: "frame";
	readonly channel: number;
	readonly offset: number;
	readonly bytes: number;
	/** How many of them the spool had dropped. */
	readonly missing?: number;
}
export type Upward = V2FromWorkerMessage | SimulatedFrame;

/**
 * One connection: ordered, with delays, and mortal. When it breaks, what is under way is lost and each side notices in
 * its own time, so it may be half-open for a while. In some weathers single messages are lost or doubled as well,
 * which a socket would not do: whatever heals by the next sync must survive that too.
 */
export class Connection<Up = Upward, Down = V2ToWorkerMessage> {
	readonly id: string;
	broken = false;
	coordinatorOpen = true;
	workerOpen = true;
	onUp: (message: Up) => void = () => {};
	onDown: (message: Down) => void = () => {};
	onCoordinatorEnd: () => void = () => {};
	onWorkerEnd: () => void = () => {};
	readonly #world: World;
	readonly #weather: Weather;
	readonly #reliable: boolean;
	readonly #losesSingly: boolean;
	#lastUp = 0;
	#lastDown = 0;

	constructor(world: World, weather: Weather, reliable = false, losesSingly = true) {
		this.#losesSingly = losesSingly;
		this.id = `s${world.serial()}`;
		this.#world = world;
		this.#weather = weather;
		this.#reliable = reliable;
		if (!reliable && weather.breakEveryMs > 0)
			world.after(world.random.skewed(1, 3 * weather.breakEveryMs), () => {
				if (!world.calm) this.break();
			});
	}

	up(message: Up): void {
		if (!this.workerOpen) return;
		for (let copies = this.#copies(); copies > 0; copies--) {
			this.#lastUp = Math.max(this.#lastUp, this.#world.now + this.#delay());
			this.#world.after(this.#lastUp - this.#world.now, () => {
				if (!this.broken && this.coordinatorOpen) this.onUp(message);
			});
		}
	}

	down(message: Down): void {
		if (!this.coordinatorOpen) return;
		for (let copies = this.#copies(); copies > 0; copies--) {
			this.#lastDown = Math.max(this.#lastDown, this.#world.now + this.#delay());
			this.#world.after(this.#lastDown - this.#world.now, () => {
				if (!this.broken && this.workerOpen) this.onDown(message);
			});
		}
	}

	/** The link dies; each side hears of it between at once and the end of its ping time-out. */
	break(): void {
		if (this.broken) return;
		this.broken = true;
		this.#world.saw("connection broke");
		this.#world.after(this.#world.random.skewed(0, 40_000), () => this.#endCoordinator());
		this.#world.after(this.#world.random.skewed(0, 40_000), () => this.#endWorker());
	}

	/** The coordinator closed it, or died. */
	closeByCoordinator(): void {
		this.coordinatorOpen = false;
		this.#world.after(this.#delay(), () => this.#endWorker());
	}

	closeByWorker(): void {
		this.workerOpen = false;
		this.#world.after(this.#delay(), () => this.#endCoordinator());
	}

	#endCoordinator(): void {
		if (!this.coordinatorOpen) return;
		this.coordinatorOpen = false;
		this.onCoordinatorEnd();
	}

	#endWorker(): void {
		if (!this.workerOpen) return;
		this.workerOpen = false;
		this.onWorkerEnd();
	}

	#copies(): number {
		if (this.#reliable || !this.#losesSingly || this.#world.calm) return 1;
		const { random } = this.#world;
		if (random.chance(this.#weather.dropMessage)) {
			this.#world.saw("message lost on a live connection");
			return 0;
		}
		return random.chance(this.#weather.doubleMessage) ? 2 : 1;
	}

	#delay(): number {
		return this.#reliable ? 0 : this.#world.random.skewed(1, 200);
	}
}
