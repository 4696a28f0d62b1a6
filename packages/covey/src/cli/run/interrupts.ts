/** What a person's signals ask of a run that is being watched. */
export interface InterruptHandlers {
	/** First Ctrl-C or SIGTERM. */
	cancel(): void;
	/** Second: the command leaves at once, after this. */
	force(): Promise<void>;
}

/**
 * - Ctrl-C and SIGTERM cancel the run, the second one kills it and leaves at once.
 * - SIGHUP (a closed terminal) cancels nothing: this process ends, the run goes on and `covey attach` finds it.
 *
 * @returns what was heard, and gives the signals back when disposed.
 */
export function watchInterrupts(handlers: InterruptHandlers): Disposable & { readonly heard: "SIGINT" | "SIGTERM" | undefined } {
	let heard: "SIGINT" | "SIGTERM" | undefined;
	const listener = (signal: "SIGINT" | "SIGTERM") => {
		if (heard === undefined) {
			heard = signal;
			handlers.cancel();
			return;
		}
		restore();
		// By the signal itself and not by exit(): a write to a pipe that nobody empties would keep exit() waiting.
		void handlers.force().finally(() => process.kill(process.pid, signal));
	};
	const restore = () => {
		process.off("SIGINT", listener);
		process.off("SIGTERM", listener);
	};
	process.on("SIGINT", listener);
	process.on("SIGTERM", listener);
	return {
		get heard() {
			return heard;
		},
		[Symbol.dispose]: restore,
	};
}
