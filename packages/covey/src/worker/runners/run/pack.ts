import { ask, type Coordinator } from "./coordinator.ts";

export interface PackRequest {
	readonly namespace: string;
	readonly repository: string;
	readonly commit: string;
	/** Commits that this worker has. */
	readonly have: readonly string[];
}

/** A thin pack of the snapshot, as a stream. @throws CoveyError of the coordinator's refusal. */
export async function fetchPack(coordinator: Coordinator, request: PackRequest, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
	const query = new URLSearchParams({ namespace: request.namespace });
	for (const commit of request.have) query.append("have", commit);
	const path = `/git/${request.repository}/packs/${request.commit}?${query}`;
	const response = await ask(coordinator, path, { ...(signal !== undefined && { signal }) });
	return (response.body ?? []) as AsyncIterable<Uint8Array>;
}
