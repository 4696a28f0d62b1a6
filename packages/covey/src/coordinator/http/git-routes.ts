import { CoveyError, Namespace, ObjectId, RepositoryId, type SnapshotReference } from "@covey/protocol";
import { type Principal, requireNamespace } from "#coordinator/auth/principal.ts";
import { createGitHttp, type GitHttpOptions } from "#coordinator/git/http.ts";
import type { SnapshotStore } from "#coordinator/git/store.ts";
import { handleDownload, handleUpload } from "#coordinator/git/transfer.ts";
import { check } from "#coordinator/operations/call.ts";
import type { Control } from "#ports/control.ts";
import type { Exchange, Route } from "./route.ts";

/** Snapshots in from clients, packs out to the workers that run them, and plain git for workers that know nothing else. */
export function createGitRoutes(control: Control, store: SnapshotStore, authorize: GitHttpOptions["authorize"]): Route[] {
	const git = createGitHttp({ store, authorize });
	const plain = async ({ request, response, url, signal }: Exchange) => {
		if (!(await git.handle(request, response, url, signal))) throw new CoveyError("not_found", "there is no such repository");
	};
	return [
		{
			method: "POST",
			path: "/git/{repository}/snapshots/{commit}",
			summary: "Store the pack of a snapshot; the address comes from snapshot.offer",
			access: ["submit"],
			async handle(exchange, principal) {
				const { key, commit } = target(exchange);
				requireNamespace(principal, key.namespace);
				await handleUpload({ ...exchange, store, key, commit });
			},
		},
		{
			method: "GET",
			path: "/git/{repository}/packs/{commit}",
			summary: "The pack of a snapshot, for the worker that runs it",
			access: ["worker"],
			async handle(exchange, principal) {
				const { key, commit } = target(exchange);
				await requireLease(control, principal, { ...key, commit });
				await handleDownload({ ...exchange, store, key, commit });
			},
		},
		{ method: "GET", path: "/git/{repository}/info/refs", summary: "Read-only git: what there is", access: "own", handle: plain },
		{ method: "POST", path: "/git/{repository}/git-upload-pack", summary: "Read-only git: fetch", access: "own", handle: plain },
		{ method: "POST", path: "/git/{repository}/git-receive-pack", summary: "Refused: git is read-only", access: "own", handle: plain },
	];
}

function target({ parameters, url }: Exchange) {
	const namespace = check(Namespace, url.searchParams.get("namespace") ?? "default");
	return { key: { namespace, repository: check(RepositoryId, parameters.repository) }, commit: check(ObjectId, parameters.commit) };
}

/** @throws CoveyError `forbidden` unless this worker's session runs an attempt of a task with this snapshot. */
async function requireLease(
	control: Control,
	{ session }: Principal,
	wanted: { readonly namespace: string; readonly repository: string; readonly commit: string },
): Promise<void> {
	const holds =
		session !== undefined &&
		(await control.query((fleet) =>
			[...(fleet.workerRecord(session.worker)?.held.keys() ?? [])].some((attempt) => {
				const { namespace, payload } = fleet.taskRecord(attempt.slice(0, attempt.indexOf(".")))?.spec.submission ?? {};
				const snapshot = (payload as { snapshot?: SnapshotReference } | undefined)?.snapshot;
				return namespace === wanted.namespace && snapshot?.repository === wanted.repository && snapshot.commit === wanted.commit;
			}),
		));
	if (!holds) throw new CoveyError("forbidden", "this session runs no attempt that needs this snapshot");
}
