/**
 * Every bound on what crosses a wire. Enforced on decode, by both sides.
 * Bounds inside the coordinator stand in `core/limits.ts`, which asserts how the two relate.
 */
export const wireLimits = {
	/** One JSON text frame or HTTP body of an operation, in bytes. */
	messageBytesMax: 1024 * 1024,
	/** One binary output frame, header included, in bytes. */
	frameBytesMax: 256 * 1024 + 64,
	/** Levels of arrays and objects in a payload. */
	jsonDepthMax: 256,
	/** Messages in one `batch`, and submissions in one `task.submit`. */
	batchMax: 1000,
	nameLengthMax: 64,
	/** Arguments of one command, together, in bytes. */
	commandBytesMax: 128 * 1024,
	commandArgumentsMax: 4096,
	environmentEntriesMax: 256,
	environmentValueBytesMax: 32 * 1024,
	tagsMax: 64,
	capabilitiesMax: 64,
	pullPathsMax: 64,
	pathLengthMax: 4096,
	keyLengthMax: 256,
	/** How long an asker that holds on to its ask may be silent. */
	holdMsMin: 1000,
	holdMsMax: 3_600_000,
	messageTextMax: 8 * 1024,
	/** Attempts that one worker may report in one `sync`. */
	syncAttemptsMax: 4096,
	warmRepositoriesMax: 256,
	artifactsMax: 256,
	pageSizeMax: 1000,
	/** Of the end of a task's output, in bytes. */
	tailBytesMax: 64 * 1024,
	/** Slots of one worker. */
	slotsMax: 4096,
	/** One uploaded pack of snapshot objects, in bytes. */
	packBytesMax: 4 * 1024 * 1024 * 1024,
	/** One pack that goes along with the offer of a snapshot, in base64. */
	offeredPackLengthMax: 700_000,
	/** One artifact, in bytes. */
	artifactBytesMax: 4 * 1024 * 1024 * 1024,
	/** A patch of what a command changed, in bytes. */
	patchBytesMax: 64 * 1024 * 1024,
	/** Where a patch stands among the artifacts; no worktree can hold a file of this name. */
	patchPath: ".git/covey.patch",
} as const;
