import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { AttemptNumber, CoveyError, Digest, type TaskView, wireLimits } from "@covey/protocol";
import type { Principal } from "#coordinator/auth/principal.ts";
import { beginStream, sendJson } from "#coordinator/http/answer.ts";
import { untilIdle } from "#coordinator/http/body.ts";
import type { Exchange, GuardedRoute } from "#coordinator/http/route.ts";
import { httpLimits } from "#coordinator/limits.ts";
import { check } from "#coordinator/operations/call.ts";
import type { OperationContext } from "#coordinator/operations/context.ts";
import { findTask } from "#coordinator/operations/lookup.ts";
import type { Blobs } from "#ports/blobs.ts";

const path = "/api/v1/tasks/{task}/artifacts/{digest}";

/**
 * The files that attempts bring back, by the SHA-256 of their content.
 * - `PUT …?attempt=N`: by the worker's session that holds the lease of this attempt, while it does.
 * - `GET`: by whoever may see the task, once an attempt has reported the artifact.
 */
export function createArtifactRoutes(context: OperationContext, blobs: Blobs): readonly GuardedRoute[] {
	return [
		{
			method: "PUT",
			path,
			summary: "Store an artifact of a running attempt",
			access: ["worker"],
			handle: (exchange, principal) => store(context, blobs, exchange, principal),
		},
		{
			method: "GET",
			path,
			summary: "An artifact that an attempt brought back",
			access: ["read", "submit"],
			handle: (exchange, principal) => send(context, blobs, exchange, principal),
		},
	];
}

async function store(
	context: OperationContext,
	blobs: Blobs,
	{ request, response, url, parameters, signal }: Exchange,
	principal: Principal,
): Promise<void> {
	const digest = check(Digest, parameters.digest);
	const attempt = check(AttemptNumber, Number(url.searchParams.get("attempt")));
	await requireLease(context, { task: parameters.task ?? "", attempt }, principal);
	const bytesMax = wireLimits.artifactBytesMax;
	if (Number(request.headers["content-length"] ?? 0) > bytesMax) {
		throw new CoveyError("too_large", `an artifact has at most ${bytesMax} bytes`);
	}
	const { bytes, created } = await blobs.put(digest, untilIdle(request), { bytesMax, signal });
	sendJson(response, created ? 201 : 200, { digest, bytes });
}

/** @throws CoveyError `forbidden` for anything but a worker's session, `stale_attempt` unless it runs this attempt now. */
async function requireLease(
	{ control }: OperationContext,
	named: { readonly task: string; readonly attempt: number },
	principal: Principal,
): Promise<void> {
	const { session } = principal;
	if (session === undefined) {
		throw new CoveyError("forbidden", "artifacts are stored by workers, with the token of their session", {
			hint: "declare them with --pull; the worker brings them back",
		});
	}
	const holds = await control.query((fleet) => {
		const lease = fleet.taskRecord(named.task)?.lease;
		return lease !== undefined && lease.attempt === named.attempt && lease.worker === session.worker && lease.session === session.session;
	});
	// One answer for the unknown and the foreign: a worker learns nothing of others' tasks.
	if (!holds) throw new CoveyError("stale_attempt", `this session does not run attempt ${named.attempt} of ${named.task.slice(0, 64)}`);
}

async function send(
	context: OperationContext,
	blobs: Blobs,
	{ request, response, parameters }: Exchange,
	principal: Principal,
): Promise<void> {
	const digest = check(Digest, parameters.digest);
	const task = await findTask(context, parameters.task ?? "", principal);
	const artifact = findArtifact(task, digest);
	const blob = artifact && (await blobs.get(digest));
	if (artifact === undefined || blob === undefined) {
		throw new CoveyError("not_found", `${task.id} has no artifact ${digest}`, {
			hint: artifact && "it was brought back, and has been removed since to make room",
		});
	}
	beginStream(response, artifact.kind === "directory" ? "application/x-tar" : "application/octet-stream", { "content-length": blob.bytes });
	response.setTimeout(httpLimits.bodyIdleMs, () => response.destroy());
	if (request.method !== "HEAD") for await (const chunk of blob.content) if (!response.write(chunk)) await drained(response);
	response.end();
}

function findArtifact(task: TaskView, digest: string) {
	for (const { report } of task.attempts) {
		const found = report?.artifacts.find((artifact) => artifact.digest === digest);
		if (found !== undefined) return found;
	}
	return undefined;
}

/** @throws when the reader went away. */
async function drained(response: ServerResponse): Promise<void> {
	const gone = new AbortController();
	response.once("close", () => gone.abort(new CoveyError("unavailable", "the reader went away")));
	if (response.destroyed) gone.abort();
	await once(response, "drain", { signal: gone.signal });
}
