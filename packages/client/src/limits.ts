/** Every bound of the SDK. Bounds on what crosses the wire stand in `@covey/protocol/limits`. */
export const clientLimits = {
	/** From the dial to the coordinator's welcome. */
	welcomeMs: 15_000,
	/** First window of the wait between two tries to come back; doubles up to the last. */
	reconnectFirstMs: 100,
	reconnectMaxMs: 5_000,
	/** A link that is down for longer is given up, and everything that waits for it fails. */
	giveUpMs: 10 * 60_000,
	/** Silence after which the coordinator is asked for a sign of life, while anything waits for it … */
	silenceMs: 30_000,
	/** … and how long the sign may take before the link counts as dropped. */
	lifeMs: 15_000,
	/** Calls on the wire at once; further ones wait here. */
	callsInFlightMax: 1024,
	/** Characters of JSON in one `task.submit` of several: at three bytes each still below the wire's message limit. */
	submitCharactersMax: 256 * 1024,
	/** Output that may be on its way to a reader of one task that does not read. */
	creditBytes: 4 * 1024 * 1024,
	/** Events that wait for a reader that does not read. The coordinator keeps more of them, so that it can go on behind these. */
	eventsUnreadMax: 2000,
} as const;
