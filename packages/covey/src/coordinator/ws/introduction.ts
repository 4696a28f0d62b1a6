import { CoveyError, type V2FromWorkerMessage, type WorkerOffer } from "@covey/protocol";
import type { CoordinatorSideConnection } from "./connection.ts";
import { type Challenged, challenge, prove } from "./handshake.ts";
import { linkLimits } from "./limits.ts";
import { badMessage, refusalOf, refuse } from "./refusal.ts";
import type { Introduced, LinkContext, Session } from "./session.ts";

/** A worker that the door has seen to already: it showed a worker token on the upgrade (v1), or is this very process. */
export interface KnownWorker {
	readonly introduced: Introduced;
	/** Sees to it that the fleet has a record of the worker. @throws CoveyError with the reason why it cannot. */
	enrol(): Promise<void>;
}

export interface IntroductionOptions {
	readonly context: LinkContext;
	readonly connection: CoordinatorSideConnection;
	/** Absent: it has to prove itself by its key. */
	readonly known?: KnownWorker;
	/** Makes the session, which may be told effects from then on. */
	readonly createSession: (introduced: Introduced) => Session;
	/** It was refused; `worker` is the name that it goes by, proved or not. */
	readonly onRefused: (refusal: CoveyError, worker: string | undefined) => void;
	/** Who it is has been settled, well or not. */
	readonly onSettled: () => void;
}

type Item = V2FromWorkerMessage | Uint8Array;

/** Runs a connection from its first message to its end. */
export function introduce(options: IntroductionOptions): void {
	new Introduction(options).begin();
}

/**
 * introducing → connecting (the fleet is asked) → connected → ended, and from each to ended.
 *
 * While it introduces itself, a stranger says hello, is challenged and proves its key. A known worker is welcome at once:
 * what it says waits for its first offer, which connects it.
 */
class Introduction {
	readonly #options: IntroductionOptions;
	readonly #timer: NodeJS.Timeout;
	#state: "introducing" | "connecting" | "connected" | "ended" = "introducing";
	#challenged: Challenged | undefined;
	#session: Session | undefined;
	/** What came before it was connected; undefined afterwards. */
	#early: Item[] | undefined = [];

	constructor(options: IntroductionOptions) {
		this.#options = options;
		const late = () => new CoveyError("timeout", "the worker did not introduce itself in time");
		this.#timer = setTimeout(() => this.#fail(late()), linkLimits.handshakeMs);
	}

	begin(): void {
		const { known, connection, createSession } = this.#options;
		if (known !== undefined) {
			this.#session = createSession(known.introduced);
			this.#session.welcome();
		}
		const deliver = (item: Item): void => this.#deliver(item);
		connection.listen({ message: deliver, frame: deliver, end: () => this.#end() });
	}

	#deliver(item: Item): void {
		if (this.#state === "ended") return;
		if (this.#early === undefined) this.#passOn(item);
		else if (this.#state === "introducing" && !(item instanceof Uint8Array) && this.#isNextStep(item)) return;
		else if (this.#options.known === undefined || this.#early.push(item) > linkLimits.earlyMax) {
			// Nobody has anything to say before its welcome, and what a stranger says is not kept.
			this.#fail(badMessage("something else than an introduction"));
		}
	}

	#passOn(item: Item): void {
		if (item instanceof Uint8Array) this.#session!.receiveFrame(item);
		else this.#session!.receive(item);
	}

	/** True when the message is the next step of the introduction, which is then taken. */
	#isNextStep(message: V2FromWorkerMessage): boolean {
		const { context, connection, known } = this.#options;
		try {
			if (known !== undefined && message.type === "offer") {
				const enrolled = known.enrol().then(() => undefined);
				void this.#connect(message.offer, enrolled);
			} else if (known === undefined && this.#challenged === undefined && message.type === "hello") {
				this.#challenged = challenge(context, message);
				connection.send(this.#challenged.message);
			} else if (this.#challenged !== undefined && message.type === "prove") {
				void this.#connect(message.offer, prove(context, this.#challenged, message));
			} else {
				return false;
			}
		} catch (error) {
			this.#fail(error);
		}
		return true;
	}

	/** @param introduced who it is; undefined for a known worker, which has its session. */
	async #connect(offer: WorkerOffer, introduced: Promise<Introduced | undefined>): Promise<void> {
		this.#state = "connecting";
		try {
			const who = await introduced;
			if (this.#hasEnded()) return;
			if (who !== undefined) this.#session = this.#options.createSession(who);
			await this.#session!.connect(offer);
		} catch (error) {
			return this.#fail(error);
		}
		if (this.#hasEnded()) return;
		this.#state = "connected";
		this.#settle();
		if (this.#options.known === undefined) this.#session!.welcome();
		const items = this.#early ?? [];
		this.#early = undefined;
		for (const item of items) this.#deliver(item);
	}

	/** The state may change wherever is waited. */
	#hasEnded(): boolean {
		return this.#state === "ended";
	}

	#fail(error: unknown): void {
		if (this.#state === "ended") return;
		this.#state = "ended";
		const refusal = refusalOf(error);
		this.#options.onRefused(refusal, this.#session?.worker ?? this.#challenged?.hello.name);
		this.#settle();
		refuse(this.#options.connection, refusal);
		this.#session?.end(false);
	}

	/** The connection is gone. */
	#end(): void {
		if (this.#state !== "ended" && this.#state !== "connected") this.#settle();
		this.#state = "ended";
		clearTimeout(this.#timer);
		this.#session?.end(false);
	}

	#settle(): void {
		clearTimeout(this.#timer);
		this.#options.onSettled();
	}
}
