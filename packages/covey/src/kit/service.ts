/**
 * Every long-lived thing. `start` resolves when it is ready (or rejects and has cleaned up); `stop` resolves when
 * nothing of it is left. Stop is safe before start, during it, and twice.
 */
export interface Service extends AsyncDisposable {
	start(signal: AbortSignal): Promise<void>;
	stop(): Promise<void>;
}
