import { CoveyError } from "@covey/protocol";
import { ask, type Coordinator } from "./coordinator.ts";

export interface PackRequest {
	readonly namespace: string;
	readonly repository: string;
	readonly commit: string;
	/** Commits that this worker has. */
	readonly have: readonly string[];
}

/** A thin pack of the snapshot, as a stream that throws `unavailable` when it breaks. @throws CoveyError of the coordinator's refusal. */
export async function fetchPack(coordinator: Coordinator, request: PackRequest, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
	const query = new URLSearchParams({ namespace: request.namespace });
	for (const commit of request.have) query.append("have", commit);
	const path = `/git/${request.repository}/packs/${request.commit}?${query}`;
	const response = await ask(coordinator, path, { ...(signal !== undefined && { signal }) });
	return unbroken((response.body ?? []) as AsyncIterable<Uint8Array>, signal);
}

async function* unbroken(content: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
	try {
		yield* content;
	} catch (cause) {
		signal?.throwIfAborted();
		throw new CoveyError("unavailable", "the connection to the coordinator broke in the middle of a pack", { cause });
	}
}
