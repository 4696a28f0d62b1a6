import { createHash, randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { CoveyError } from "@covey/protocol/errors";
import type { TaskSubmissionInput } from "@covey/protocol/task";
import type { Snapshot } from "#host/git/snapshot.ts";
import type { RunFlags } from "./flags.ts";
import type { RunSettings } from "./settings.ts";

/** What a submission is made of. `directory` is where the person stands. */
export interface RunRequest {
	readonly command: readonly string[];
	readonly flags: RunFlags;
	readonly settings: RunSettings;
	readonly snapshot: Snapshot | undefined;
	readonly directory: string;
	readonly environment: NodeJS.ProcessEnv;
}

/**
 * The task that a `covey run` asks for.
 *
 * - `dedupKey` is of this invocation, so that a submission repeated after a dropped link never runs twice.
 * - `mergeKey` is of everything that decides what the command sees and where it may run; without a snapshot nobody
 *   knows what it sees, so such runs are never merged.
 *
 * @throws CoveyError `bad_request` for a flag whose value means nothing.
 */
export async function createSubmission(
	request: RunRequest,
): Promise<TaskSubmissionInput & { readonly payload: { readonly pull: string[] } }> {
	const { command, flags, settings, snapshot } = request;
	const namespace = flags.namespace ?? settings.namespace ?? "default";
	const payload = {
		command: [...command],
		...(snapshot && { snapshot: { repository: snapshot.repository, tree: snapshot.tree, commit: snapshot.commit } }),
		...(snapshot?.prefix && { directory: snapshot.prefix }),
		environment: readEnvironment(flags.envVar ?? [], request.environment),
		pull: (flags.pull ?? []).map((path) => pullPath(path, snapshot)),
		clean: flags.clean ?? false,
		...(flags.env !== undefined && { environmentKind: flags.env }),
	};
	const fallback = await readFallback(flags.fallback, settings);
	const constraints = {
		...(flags.on !== undefined && { machine: flags.on }),
		tags: flags.tag ?? {},
		...(flags.isolation !== undefined && { isolation: flags.isolation }),
	};
	const policies = {
		...(flags.timeout !== undefined && { timeoutMs: flags.timeout }),
		...(flags.silentTimeout !== undefined && { silentTimeoutMs: flags.silentTimeout }),
		...(fallback !== undefined && { fallback }),
		unmatched: flags.detach ? ("wait" as const) : ("refuse" as const),
	};
	return {
		type: "run",
		namespace,
		payload,
		constraints,
		policies,
		...(flags.prefer !== undefined && { prefer: { machine: flags.prefer } }),
		...(flags.priority !== undefined && { priority: flags.priority }),
		dedupKey: `run-${randomUUID()}`,
		...(flags.merge && snapshot && { mergeKey: hash({ namespace, payload, constraints, policies, prefer: flags.prefer }) }),
		...(flags.supersede !== undefined && { supersedeKey: supersedeKey(flags.supersede, request) }),
	};
}

function readEnvironment(entries: readonly string[], environment: NodeJS.ProcessEnv): Record<string, string> {
	const result: Record<string, string> = {};
	for (const entry of entries) {
		const equals = entry.indexOf("=");
		const name = equals < 0 ? entry : entry.slice(0, equals);
		const value = equals < 0 ? environment[name] : entry.slice(equals + 1);
		if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new CoveyError("bad_request", `${JSON.stringify(name)} is no name of a variable`);
		if (value === undefined)
			throw new CoveyError("bad_request", `--env-var ${name}: this shell has no such variable`, {
				hint: `--env-var ${name}=value sets one`,
			});
		result[name] = value;
	}
	return result;
}

/** Pulled paths are meant as seen from where the person stands; the worker sees them from the root of the worktree. */
function pullPath(path: string, snapshot: Snapshot | undefined): string {
	const parts: string[] = [];
	for (const part of `${snapshot?.prefix ?? ""}/${path}`.split("/")) {
		if (part === "..") {
			if (parts.pop() === undefined) throw new CoveyError("bad_request", `--pull ${path} leads out of the worktree`);
		} else if (part !== "" && part !== ".") parts.push(part);
	}
	if (path.startsWith("/") || parts.length === 0)
		throw new CoveyError("bad_request", `--pull ${path} is no path inside the worktree`, { hint: "name a file or directory below it" });
	return parts.join("/");
}

async function readFallback(flag: string | undefined, settings: RunSettings): Promise<RunSettings["fallback"]> {
	if (flag === undefined) return settings.fallback;
	const { parseFallback } = await import("#compose/fallback.ts");
	const fallback = parseFallback(flag);
	if (fallback === undefined)
		throw new CoveyError("bad_request", `--fallback ${flag} means nothing`, { hint: "write never, always, or after:10s" });
	return fallback;
}

function supersedeKey(key: string | true, { snapshot, directory }: RunRequest): string {
	if (key !== true) return key;
	return `worktree-${hash([hostname(), snapshot?.worktreeRoot ?? directory])}`;
}

const hash = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
