import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { CoveyError } from "@covey/protocol/errors";
import type { OperationInput, OperationOutput } from "@covey/protocol/operations";
import type { SnapshotReference } from "@covey/protocol/task";
import { beginStream, sendJson } from "#coordinator/http/answer.ts";
import { untilIdle } from "#coordinator/http/body.ts";
import type { RepositoryKey, SnapshotStore } from "./store.ts";

/** One pack on its way in or out. Who may do it has been decided by whoever calls. */
export interface PackTransfer {
	readonly store: SnapshotStore;
	readonly key: RepositoryKey;
	readonly commit: string;
	readonly request: IncomingMessage;
	readonly response: ServerResponse;
	readonly url: URL;
	readonly signal: AbortSignal;
}

/**
 * What the operation `snapshot.offer` answers. A pack that comes along is taken if it completes the snapshot; if not, the
 * client sends another one to the address, with `&base=<commit>` for each base that it packs against.
 */
export async function offerSnapshot(
	store: SnapshotStore,
	namespace: string,
	snapshot: SnapshotReference,
	pack?: OfferedPack,
): Promise<OperationOutput<"snapshot.offer">> {
	const { repository, commit, tree } = snapshot;
	const key = { namespace, repository };
	const have = (await store.has(key, commit)) || (pack !== undefined && (await takeOffered(store, key, snapshot, pack)));
	const bases = have ? [] : await store.bases(key);
	return { have, bases: [...bases], upload: `/git/${repository}/snapshots/${commit}?tree=${tree}&namespace=${namespace}` };
}

type OfferedPack = NonNullable<OperationInput<"snapshot.offer">["pack"]>;

async function takeOffered(
	store: SnapshotStore,
	key: RepositoryKey,
	{ commit, tree }: SnapshotReference,
	{ bases, content }: OfferedPack,
): Promise<boolean> {
	for (const base of bases) if (!(await store.has(key, base))) return false;
	try {
		await store.receive(key, { commit, tree, bases, content: once(Buffer.from(content, "base64")) });
		return true;
	} catch (error) {
		// The client sends another one, and hears then what is wrong with it.
		if (error instanceof CoveyError && error.code === "bad_snapshot") return false;
		throw error;
	}
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
	yield content;
}

/**
 * `POST /git/<repository>/snapshots/<commit>?tree=…&namespace=…[&base=…]`, the body a thin pack against the bases.
 * Repeating it is harmless. @throws as `SnapshotStore.receive`.
 */
export async function handleUpload({ store, key, commit, request, response, url, signal }: PackTransfer): Promise<void> {
	const tree = url.searchParams.get("tree") ?? "";
	const bases = url.searchParams.getAll("base");
	const incoming = { commit, tree, content: untilIdle(request), ...(bases.length > 0 && { bases }) };
	const { bytes } = await store.receive(key, incoming, signal);
	sendJson(response, 200, { commit, bytes });
}

/** `GET /git/<repository>/packs/<commit>?namespace=…[&have=…]`: a thin pack against what the worker has. @throws as `SnapshotStore.pack`. */
export async function handleDownload({ store, key, commit, response, url, signal }: PackTransfer): Promise<void> {
	const haves = url.searchParams.getAll("have");
	if (haves.length > havesMax) throw new CoveyError("bad_request", `${haves.length} times have; ${havesMax} is the most`);
	const pack = await store.pack(key, commit, haves, signal);
	beginStream(response, "application/x-git-packed-objects");
	await pipeline(pack.content, response);
}

const havesMax = 64;
