import type { Ask } from "@covey/protocol";
import type { World } from "./world.ts";

/** The truth about askers that want their asks to live no longer than themselves: who spoke when, and who was heard. */
export class Holds {
	readonly #world: World;
	/** When the asker of an ask spoke of it last, heard or not. */
	readonly #spoke = new Map<string, number>();
	/** Until when a task is surely held, by an asker that was told so. */
	readonly #until = new Map<string, number>();
	/** Tasks that have, or had, such an ask. */
	readonly #fleeting = new Set<string>();
	/** Tasks that somebody who need not hold it was told to have asked for. */
	readonly #lasting = new Set<string>();

	constructor(world: World) {
		this.#world = world;
	}

	/** A submission that wants a hold may make this task, or has joined it. */
	asked(task: string): void {
		this.#fleeting.add(task);
	}

	spoke(ask: string): void {
		this.#spoke.set(ask, this.#world.now);
	}

	/** The coordinator has confirmed what was said at `since`. */
	confirmed(task: string, since: number, holdMs: number): void {
		this.#until.set(task, Math.max(this.#until.get(task) ?? 0, since + holdMs));
	}

	/** A submission without a hold was acknowledged. */
	lasts(task: string): void {
		this.#lasting.add(task);
	}

	/** Nobody has to be asked before it is taken back. */
	mayFall(task: string): boolean {
		return this.#fleeting.has(task) && !this.#lasting.has(task) && (this.#until.get(task) ?? 0) <= this.#world.now;
	}

	/** Its asker has said nothing for as long as it may. */
	isSilent({ id, holdMs }: Ask): boolean {
		return holdMs !== undefined && (this.#spoke.get(id) ?? 0) + holdMs < this.#world.now;
	}
}
