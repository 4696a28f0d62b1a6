import type { FleetEvent } from "@covey/protocol/events";
import type { OperationInput, OperationName, OperationOutput, SubmitResult } from "@covey/protocol/operations";
import type { ArtifactReference, TaskSubmissionInput } from "@covey/protocol/task";
import type { EventsOptions } from "./events.ts";
import type { FinalRecord } from "./final-record.ts";
import type { FollowItem, FollowOptions, OutputItem } from "./follow.ts";
import type { RunOptions } from "./run.ts";
import type { Bytes } from "./transfer.ts";

/**
 * A coordinator, seen by a client. Everything may be called at any time and concurrently; it all travels over one
 * socket that comes back by itself when it drops. Whatever can fail throws CoveyError.
 */
export interface Fleet extends AsyncDisposable {
	/** One operation of the client API. Answers come in any order. */
	call<N extends OperationName>(name: N, input: OperationInput<N>): Promise<OperationOutput<N>>;
	/** Submits one task. Submissions of the same tick travel together. With a `dedupKey` it is safe over dropped links. */
	submit(submission: TaskSubmissionInput): Promise<SubmitResult>;
	/** A task's changes and output, from any offset, to its end. */
	follow(task: string, options?: FollowOptions): AsyncIterable<FollowItem>;
	/** The output that an attempt has written by now. */
	output(task: string, options?: Pick<FollowOptions, "attempt" | "offset" | "signal">): AsyncIterable<OutputItem>;
	/** What happens in the fleet. */
	events(options?: EventsOptions): AsyncIterable<FleetEvent>;
	/** Submits, follows to the end and tells how it ended. */
	run(submission: TaskSubmissionInput, options?: RunOptions): Promise<FinalRecord>;
	/** Sends a git pack to the address that `snapshot.offer` gave. */
	uploadPack(upload: string, pack: Bytes, options?: { readonly signal?: AbortSignal }): Promise<void>;
	/** The bytes of an artifact, as they come; their digest is the caller's to check. */
	download(task: string, artifact: ArtifactReference, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>;
	/** Ends every call and iteration. Tasks go on. */
	close(): void;
}
