import type { Fleet } from "@covey/client";
import { packSnapshot } from "#host/git/pack.ts";
import type { Snapshot } from "#host/git/snapshot.ts";

/**
 * Sees that the coordinator has the snapshot: asks, and sends only the objects that it lacks. A small pack goes along
 * with the question; a coordinator that cannot use it, or does not know of such a thing, says so by wanting another.
 */
export async function carrySnapshot(fleet: Fleet, snapshot: Snapshot, namespace: string, signal: AbortSignal): Promise<void> {
	const { repository, tree, commit, smallPack } = snapshot;
	const pack = smallPack && { bases: [...smallPack.bases], content: smallPack.content.toString("base64") };
	const offer = await fleet.call("snapshot.offer", { repository, namespace, tree, commit, ...(pack && { pack }) });
	if (!offer.have) await upload(fleet, snapshot, offer, signal);
	// Behind the run and not before it: what is lost of it makes the next one slower, and nothing else.
	snapshot.delivered().catch(() => {});
}

async function upload(
	fleet: Fleet,
	snapshot: Snapshot,
	offer: { readonly bases: readonly string[]; readonly upload: string },
	signal: AbortSignal,
): Promise<void> {
	const pack = await packSnapshot({ snapshot, bases: offer.bases, signal });
	// The bases are named, so that a worker that has them too gets this very pack, without another one being made.
	const bases = pack.bases.map((base) => `&base=${base}`).join("");
	await fleet.uploadPack(`${offer.upload}${bases}`, pack.content, { signal });
}
