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

/**
 * Runs a connection from its first message to its end.
 *
 * States: hello → proof (a challenge was sent) → connecting (the fleet is asked) → session → ended.
 * A known worker is welcome at once and then offering: what it says waits for its first offer, which connects it.
 */
export function introduce(options: IntroductionOptions): void {
	const { context, connection, known } = options;
	let challenged: Challenged | undefined;
	let session: Session | undefined;
	/** What came before it was connected; undefined afterwards. */
	let early: Item[] | undefined = [];
	let state: "introducing" | "connecting" | "connected" | "ended" = "introducing";
	const timer = setTimeout(() => fail(new CoveyError("timeout", "the worker did not introduce itself in time")), linkLimits.handshakeMs);

	function settle(): void {
		clearTimeout(timer);
		options.onSettled();
	}

	function fail(error: unknown): void {
		if (state === "ended") return;
		state = "ended";
		const refusal = refusalOf(error);
		options.onRefused(refusal, session?.worker ?? challenged?.hello.name);
		settle();
		refuse(connection, refusal);
		session?.end(false);
	}

	async function connect(offer: WorkerOffer, introduced: Promise<Introduced | undefined>): Promise<void> {
		state = "connecting";
		try {
			const who = await introduced;
			if (hasEnded()) return;
			if (who !== undefined) session = options.createSession(who);
			await session!.connect(offer);
		} catch (error) {
			return fail(error);
		}
		if (hasEnded()) return;
		state = "connected";
		settle();
		if (known === undefined) session!.welcome();
		const items = early ?? [];
		early = undefined;
		for (const item of items) deliver(item);
	}

	const hasEnded = () => state === "ended";

	function deliver(item: Item): void {
		if (state === "ended") return;
		if (early === undefined) {
			if (item instanceof Uint8Array) session!.receiveFrame(item);
			else session!.receive(item);
		} else if (state === "introducing" && !(item instanceof Uint8Array) && begins(item)) {
			return;
		} else if (known === undefined || early.push(item) > linkLimits.earlyMax) {
			// Nobody has anything to say before its welcome, and what a stranger says is not kept.
			fail(badMessage("something else than an introduction"));
		}
	}

	/** True when the message is the next step of the introduction. */
	function begins(message: V2FromWorkerMessage): boolean {
		try {
			if (known !== undefined && message.type === "offer") {
				void connect(
					message.offer,
					known.enrol().then(() => undefined),
				);
			} else if (known === undefined && challenged === undefined && message.type === "hello") {
				challenged = challenge(context, message);
				connection.send(challenged.message);
			} else if (challenged !== undefined && message.type === "prove") {
				void connect(message.offer, prove(context, challenged, message));
			} else {
				return false;
			}
		} catch (error) {
			fail(error);
		}
		return true;
	}

	if (known !== undefined) {
		session = options.createSession(known.introduced);
		session.welcome();
	}
	connection.listen({
		message: deliver,
		frame: deliver,
		end() {
			if (state !== "ended" && state !== "connected") settle();
			state = "ended";
			clearTimeout(timer);
			session?.end(false);
		},
	});
}
