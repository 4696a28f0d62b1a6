import { CoveyError } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { CoordinatorSideConnection } from "./connection.ts";
import { type Introduced, type LinkContext, Session } from "./session.ts";

/** All sessions by their ids, and what the fleet has to tell them. */
export class Sessions {
	readonly #context: LinkContext;
	readonly #sessions = new Map<string, Session>();
	/** The connected session of each worker. */
	readonly #current = new Map<string, Session>();

	constructor(context: LinkContext) {
		this.#context = context;
	}

	create(connection: CoordinatorSideConnection, introduced: Introduced): Session {
		const session = new Session(this.#context, connection, introduced, () => this.#remove(session));
		this.#sessions.set(session.id, session);
		return session;
	}

	/** One connection per worker: whatever an older one still says is nobody's. */
	connected(session: Session): void {
		const older = this.#current.get(session.worker);
		this.#current.set(session.worker, session);
		older?.close(new CoveyError("conflict", "a newer connection of this worker has taken over"));
	}

	/** The effects of one commit. Those of one session leave together, as one frame. */
	perform(effects: readonly Effect[]): void {
		for (const effect of effects) {
			if (effect.type !== "reply" && effect.type !== "notify") this.#sessions.get(effect.session)?.perform(effect);
		}
	}

	closeAll(error: CoveyError): void {
		for (const session of [...this.#sessions.values()]) session.close(error);
	}

	#remove(session: Session): void {
		this.#sessions.delete(session.id);
		if (this.#current.get(session.worker) === session) this.#current.delete(session.worker);
	}
}
