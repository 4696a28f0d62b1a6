import type { CoveyError } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { CoordinatorSideConnection } from "./connection.ts";
import { type Introduced, type LinkContext, Session } from "./session.ts";

/** All sessions by their ids, and what the fleet has to tell them. */
export class Sessions {
	readonly #context: LinkContext;
	readonly #sessions = new Map<string, Session>();

	constructor(context: LinkContext) {
		this.#context = context;
	}

	create(connection: CoordinatorSideConnection, introduced: Introduced): Session {
		const session = new Session(this.#context, connection, introduced, () => this.#sessions.delete(session.id));
		this.#sessions.set(session.id, session);
		return session;
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
}
