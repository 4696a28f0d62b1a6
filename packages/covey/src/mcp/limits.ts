/** Bounds of what the tools take, keep and say. */
export const mcpLimits = {
	/** Of `timeout_secs`. */
	timeoutSecsMax: 24 * 3600,
	/** Of `wait_secs`. */
	waitSecsMax: 1800,
	/** Between two notices of progress while a call waits. */
	progressEveryMs: 5_000,
	/** Of `command` in characters. */
	commandCharsMax: 64 * 1024,
	/** Lines and characters kept of a log's two ends. */
	headLinesMax: 40,
	headCharsMax: 4_000,
	tailLinesMax: 120,
	tailCharsMax: 16_000,
	/** One page of `job_log`, in characters. */
	logPageCharsMax: 20_000,
	logPageCharsDefault: 8_000,
	/** Of a patch that comes back, in bytes. */
	patchBytesMax: 16 * 1024 * 1024,
	/** Part of an unapplied patch that is shown, in characters. */
	patchCharsMax: 4_000,
	/** Jobs that one connection keeps in memory. */
	jobsMax: 256,
	/** Ends of a connection: how long its own jobs' cancels are waited for. */
	goodbyeMs: 2_000,
	/** A client that knows tasks gets one when the work lasts longer. */
	taskAfterMs: 5_000,
	taskPollMs: 1_000,
	/** How long a task's result is kept for the client to fetch. */
	taskTtlMs: 24 * 3_600_000,
} as const;
