import { CoveyError, type V2FromWorkerMessage, type V2ToWorkerMessage } from "@covey/protocol";
import type { LinkConnection, LinkTransport } from "#ports/link.ts";

/** What the coordinator sees of a connection: the mirror of `LinkConnection`. */
export interface CoordinatorSide {
	send(message: V2ToWorkerMessage): void;
	close(code: number, reason: string): void;
	/** Always 0: what is sent has arrived. */
	readonly queuedBytes: number;
	listen(listener: { message(message: V2FromWorkerMessage): void; frame(frame: Uint8Array): void; end(cause: unknown): void }): void;
}

export interface InProcessOptions {
	/** Base URL of the coordinator's own HTTP, for packs and artifacts. */
	readonly url: string;
	/** Hands the other side to the coordinator, which listens at once. */
	readonly accept: (side: CoordinatorSide) => void;
}

/** The embedded worker's way: no bytes, no proof. Each message arrives in a later microtask, in order, so neither side re-enters the other. */
export function createInProcessTransport(options: InProcessOptions): LinkTransport {
	return {
		url: options.url,
		trusted: true,
		async connect(signal) {
			signal.throwIfAborted();
			const { worker, coordinator } = createPair();
			options.accept(coordinator);
			return worker;
		},
	};
}

type WorkerListener = Parameters<LinkConnection["listen"]>[0];
type CoordinatorListener = Parameters<CoordinatorSide["listen"]>[0];

function createPair(): { worker: LinkConnection; coordinator: CoordinatorSide } {
	let ended = false;
	const toWorker = createPipe<WorkerListener>();
	const toCoordinator = createPipe<CoordinatorListener>();
	function end(cause: CoveyError): void {
		if (ended) return;
		ended = true;
		toWorker.push((listener) => listener.end(cause));
		toCoordinator.push((listener) => listener.end(cause));
	}
	const worker: LinkConnection = {
		send: (message) => void (ended || toCoordinator.push((listener) => listener.message(message))),
		sendFrame: (frame) => void (ended || toCoordinator.push((listener) => listener.frame(frame))),
		queuedBytes: 0,
		// One turn of the event loop per wait lets the coordinator work between two frames.
		drained: () => new Promise((resolve) => void setImmediate(resolve)),
		listen: (listener) => toWorker.listen(listener),
		close: () => end(new CoveyError("unavailable", "the connection was closed by this worker")),
	};
	const coordinator: CoordinatorSide = {
		send: (message) => void (ended || toWorker.push((listener) => listener.message(message))),
		close: (_code, reason) => end(new CoveyError("unavailable", reason)),
		queuedBytes: 0,
		listen: (listener) => toCoordinator.listen(listener),
	};
	return { worker, coordinator };
}

/** Keeps what comes before there is a listener. */
function createPipe<L>(): { push(deliver: (listener: L) => void): void; listen(listener: L): void } {
	let target: L | undefined;
	let pending: ((listener: L) => void)[] = [];
	function flush(): void {
		if (target === undefined) return;
		const batch = pending;
		pending = [];
		for (const deliver of batch) deliver(target);
	}
	return {
		push(deliver) {
			if (pending.push(deliver) === 1) queueMicrotask(flush);
		},
		listen(listener) {
			target = listener;
			queueMicrotask(flush);
		},
	};
}
