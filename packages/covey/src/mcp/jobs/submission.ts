import { createHash, randomUUID } from "node:crypto";
import type { TaskSubmissionInput } from "@covey/protocol";
import type { McpSettings } from "#mcp/options.ts";
import type { Recipe } from "#mcp/project/recipe.ts";
import { quoted } from "#mcp/project/wording.ts";
import type { Worktree, WorktreePolicy, WorktreeSnapshot } from "#mcp/worktree.ts";

/** What an agent may say of every run. Seconds. */
export interface RunWishes {
	readonly timeout_secs?: number | undefined;
	/** A repeated call with this key finds the first one's run. */
	readonly idempotency_key?: string | undefined;
	/** End older runs of this verb in this worktree. */
	readonly supersede?: boolean | undefined;
	/** Outlives the connection that asked. */
	readonly detach?: boolean | undefined;
}

/** The task for one call. Equal work of several agents in flight has one `mergeKey`, so it runs once and answers all. */
export function submissionFor(options: {
	readonly verb: string;
	readonly recipe: Recipe;
	readonly worktree: Worktree;
	readonly policy: WorktreePolicy;
	readonly snapshot: WorktreeSnapshot;
	readonly wishes: RunWishes;
	readonly filter?: string | undefined;
	readonly settings: McpSettings;
}): TaskSubmissionInput {
	const { verb, recipe, worktree, wishes, filter, settings } = options;
	const { repository, tree, commit } = options.snapshot;
	const { namespace, fallback } = options.policy;
	const { id } = worktree;
	const payload = {
		command: [...recipe.command],
		snapshot: { repository, tree, commit },
		...(recipe.directory !== undefined && { directory: recipe.directory }),
		environment: { ...recipe.environment },
		pull: [...recipe.pull],
		patch: recipe.changesTree,
		purpose: { verb, parser: recipe.parser, ...(filter !== undefined && { filter }), ...(verb !== "run_command" && said(recipe)) },
	};
	const policies = {
		timeoutMs: wishes.timeout_secs === undefined ? settings.timeoutMs : wishes.timeout_secs * 1000,
		unmatched: "refuse" as const,
		...(fallback !== undefined && { fallback }),
	};
	return {
		type: "run",
		namespace,
		title: `${verb}: ${[recipe.typed ?? recipe.command].flat().join(" ")}`.slice(0, 256),
		payload,
		policies,
		dedupKey: wishes.idempotency_key === undefined ? `mcp-${randomUUID()}` : `mcp-${digest([id, verb, wishes.idempotency_key])}`,
		mergeKey: digest({ namespace, payload, policies }),
		...(wishes.supersede && { supersedeKey: `mcp-${digest([id, verb])}` }),
		...(!wishes.detach && { holdMs: settings.holdMs }),
	};
}

/** What the verb turned out to mean, so that whoever asks for the answer is told. */
function said({ typed, command, because }: Recipe): { readonly ran: string; readonly because: string } {
	return { ran: (typed ?? quoted(command)).slice(0, 512), because: because.slice(0, 512) };
}

export const digest = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
