import { type Assign, attemptKey, RunPayload, type V1ToWorker } from "@covey/protocol";
import type { GitAccess } from "#coordinator/ws/git-access.ts";
import { quoteCommand } from "./shell.ts";

type JobMessage = Extract<V1ToWorker, { type: "job" }>;

/** What v1 can be told of an assignment, and the credential in it. Undefined: v1 cannot run this. */
export function translateAssign(
	assign: Omit<Assign, "type">,
	git: GitAccess,
	/** Scheme, host and port by which the worker reached us. */
	origin: URL,
): { readonly message: JobMessage; readonly credential?: string; readonly pull: readonly string[] } | undefined {
	const payload = RunPayload.safeParse(assign.payload);
	if (assign.taskType !== "run" || !payload.success) return undefined;
	const { command, directory, snapshot, environment, pull } = payload.data;
	const line = quoteCommand(command);
	const message: JobMessage = {
		type: "job",
		job_id: attemptKey(assign.task, assign.attempt),
		repo: "",
		commit: snapshot?.commit ?? "",
		command: directory === undefined ? line : `cd ${quoteCommand([directory])} && ${line}`,
		env: environment,
	};
	if (snapshot === undefined) return { message, pull };
	const { repository, commit } = snapshot;
	const credential = git.create({ repository, namespace: assign.namespace, commit });
	return { message: { ...message, repo: repositoryUrl(origin, repository, credential) }, credential, pull };
}

function repositoryUrl(origin: URL, repository: string, credential: string): string {
	const url = new URL(`/git/${repository}`, origin);
	url.username = "x";
	url.password = credential;
	return url.href;
}
