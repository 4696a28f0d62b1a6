/** How far a person or the system wants it: take no new work; end what runs; be gone now. */
export type ShutdownStage = "drain" | "stop" | "kill";

const stages: readonly ShutdownStage[] = ["drain", "stop", "kill"];

/**
 * Calls back at the first SIGTERM or SIGINT with `drain`, at the second with `stop`, at the third and later with `kill`,
 * with the signal that came. Until disposed, these signals no longer end the process by themselves.
 */
export function onShutdown(listener: (stage: ShutdownStage, signal: NodeJS.Signals) => void): Disposable {
	let received = 0;
	const receive = (signal: NodeJS.Signals) => {
		listener(stages[Math.min(received++, stages.length - 1)] as ShutdownStage, signal);
	};
	process.on("SIGTERM", receive);
	process.on("SIGINT", receive);
	return {
		[Symbol.dispose]() {
			process.off("SIGTERM", receive);
			process.off("SIGINT", receive);
		},
	};
}
