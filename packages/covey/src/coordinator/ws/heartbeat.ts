export interface HeartbeatOptions {
	readonly pingMs: number;
	readonly pongMs: number;
	readonly ping: () => void;
	/** Nothing came within `pongMs` of a ping. */
	readonly lost: () => void;
}

/**
 * Pings, and notices when nothing comes back. Any message counts as life: a pong may wait behind a long piece of
 * output. While the session itself stopped reading (its disk is behind), silence proves nothing.
 */
export class Heartbeat {
	readonly #options: HeartbeatOptions;
	#pings: NodeJS.Timeout | undefined;
	#deadline: NodeJS.Timeout | undefined;
	#paused = false;

	constructor(options: HeartbeatOptions) {
		this.#options = options;
	}

	start(): void {
		this.#pings = setInterval(() => this.#ping(), this.#options.pingMs);
	}

	heard(): void {
		clearTimeout(this.#deadline);
		this.#deadline = undefined;
	}

	pause(): void {
		this.#paused = true;
		this.heard();
	}

	resume(): void {
		this.#paused = false;
	}

	stop(): void {
		clearInterval(this.#pings);
		this.heard();
	}

	#ping(): void {
		this.#options.ping();
		if (!this.#paused) this.#deadline ??= setTimeout(() => setImmediate(() => this.#judge()), this.#options.pongMs);
	}

	/** After a pause of this whole process the answer may have been waiting in the socket: it was read just now. */
	#judge(): void {
		if (this.#deadline !== undefined) this.#options.lost();
	}
}
