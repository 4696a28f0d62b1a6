import { pipeline } from "node:stream/promises";
import { CoveyError, Digest, type TaskView, wireLimits } from "@covey/protocol";
import type { Principal } from "#coordinator/auth/principal.ts";
import { beginStream, sendJson } from "#coordinator/http/answer.ts";
import { untilIdle } from "#coordinator/http/body.ts";
import type { Exchange, GuardedRoute } from "#coordinator/http/route.ts";
import { httpLimits } from "#coordinator/limits.ts";
import { check } from "#coordinator/operations/call.ts";
import type { OperationContext } from "#coordinator/operations/context.ts";
import { findWholeTask } from "#coordinator/operations/lookup.ts";
import type { Blobs } from "#ports/blobs.ts";
import { Allowance } from "./allowance.ts";

/**
 * The files that attempts bring back, by the SHA-256 of their content.
 * - They are stored as blobs, by the session of a worker while it runs an attempt. What is stored becomes visible only
 *   through the report of an attempt, which is fenced; a name is its content's digest, so nothing can be replaced.
 * - How much a worker may store is bounded, see `Allowance`.
 * - They are read by whoever may see the task, once an attempt has reported them.
 */
export function createArtifactRoutes(
	context: OperationContext,
	blobs: Blobs,
	allowance = new Allowance(context.clock.now),
): readonly GuardedRoute[] {
	return [
		{
			method: "PUT",
			path: "/api/v1/blobs/{digest}",
			summary: "Store an artifact of a running attempt",
			access: ["worker"],
			handle: (exchange, principal) => store(context, { blobs, allowance }, exchange, principal),
		},
		{
			method: "GET",
			path: "/api/v1/tasks/{task}/artifacts/{digest}",
			summary: "An artifact that an attempt brought back",
			access: ["read", "submit"],
			handle: (exchange, principal) => send(context, blobs, exchange, principal),
		},
	];
}

async function store(
	context: OperationContext,
	{ blobs, allowance }: { readonly blobs: Blobs; readonly allowance: Allowance },
	{ request, response, parameters, signal }: Exchange,
	principal: Principal,
): Promise<void> {
	const digest = check(Digest, parameters.digest);
	const { worker, attempts } = await requireAttempts(context, principal);
	const bytesMax = wireLimits.artifactBytesMax;
	if (Number(request.headers["content-length"] ?? 0) > bytesMax) {
		throw new CoveyError("too_large", `an artifact has at most ${bytesMax} bytes`);
	}
	const upload = allowance.open(worker, attempts);
	const { bytes, created } = await blobs.put(digest, upload.count(untilIdle(request)), { bytesMax, signal }).catch((error: unknown) => {
		upload.refund();
		throw error;
	});
	sendJson(response, created ? 201 : 200, { digest, bytes });
}

/** What the worker runs now. @throws CoveyError `forbidden` for anything but a worker's session, `stale_attempt` unless it runs something now. */
async function requireAttempts(
	{ control }: OperationContext,
	{ session }: Principal,
): Promise<{ readonly worker: string; readonly attempts: readonly string[] }> {
	if (session === undefined) {
		throw new CoveyError("forbidden", "artifacts are stored by workers, with the token of their session", {
			hint: "declare them with --pull; the worker brings them back",
		});
	}
	const attempts = await control.query((fleet) => {
		const worker = fleet.workerRecord(session.worker);
		return worker?.session?.id === session.session ? [...worker.held.keys()] : [];
	});
	if (attempts.length === 0) throw new CoveyError("stale_attempt", "this session runs no attempt that could bring something back");
	return { worker: session.worker, attempts };
}

async function send(
	context: OperationContext,
	blobs: Blobs,
	{ request, response, parameters }: Exchange,
	principal: Principal,
): Promise<void> {
	const digest = check(Digest, parameters.digest);
	const task = await findWholeTask(context, parameters.task ?? "", principal);
	const artifact = findArtifact(task, digest);
	const blob = artifact && (await blobs.get(digest));
	if (artifact === undefined || blob === undefined) {
		throw new CoveyError("not_found", `${task.id} has no artifact ${digest}`, {
			hint: artifact && "it was brought back, and has been removed since to make room",
		});
	}
	beginStream(response, artifact.kind === "directory" ? "application/x-tar" : "application/octet-stream", { "content-length": blob.bytes });
	response.setTimeout(httpLimits.bodyIdleMs, () => response.destroy());
	if (request.method === "HEAD") response.end();
	else await pipeline(blob.content, response);
}

function findArtifact(task: TaskView, digest: string) {
	for (const { report } of task.attempts) {
		const found = report?.artifacts.find((artifact) => artifact.digest === digest);
		if (found !== undefined) return found;
	}
	return undefined;
}
