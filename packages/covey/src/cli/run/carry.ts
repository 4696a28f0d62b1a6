import type { Fleet } from "@covey/client";
import { packSnapshot } from "#host/git/pack.ts";
import type { Snapshot } from "#host/git/snapshot.ts";

/** Sees that the coordinator has the snapshot: asks, and uploads only the objects that it lacks. */
export async function carrySnapshot(fleet: Fleet, snapshot: Snapshot, namespace: string, signal: AbortSignal): Promise<void> {
	const { repository, tree, commit } = snapshot;
	const offer = await fleet.call("snapshot.offer", { repository, namespace, tree, commit });
	if (offer.have) return;
	const pack = await packSnapshot({ snapshot, bases: offer.bases, signal });
	// The bases are named, so that a worker that has them too gets this very pack, without another one being made.
	const bases = pack.bases.map((base) => `&base=${base}`).join("");
	await fleet.uploadPack(`${offer.upload}${bases}`, pack.content, { signal });
}
