import { CoveyError } from "@covey/protocol";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { clip } from "./clip.ts";
import { toolResult } from "./result.ts";

/** Ways out that are written for a person at a keyboard, and what is one for an agent, which has tools and no options. */
const translations: readonly (readonly [written: RegExp, forAgents: string])[] = [
	[
		/\bcovey run --detach\b/,
		"tell the person: join a machine that fits (covey join), or let the coordinator's own take it (client.fallback)",
	],
	[
		/^--allow (submodule|lfs|symlink) /,
		"take it out of what git tracks (git rm --cached, .gitignore), or do without the fleet: a shell has it",
	],
	[/ --no-snapshot\b/, "make it a git repository (git init), or do without the fleet: a shell needs none"],
	[/^covey tasks lists/, "use the job_id that an earlier answer gave"],
	[/^covey tasks show (t_\w+)$/, 'it has ended: job_wait {"job_id":"$1"} gives its answer'],
	[/^wait until some have ended, or cancel .*$/, "wait until some have ended (job_wait), or end what is no longer wanted (job_cancel)"],
];

/** Names what only a person can type. */
const forPersons = /\bcovey [a-z]|(^| )--(namespace|worktree)\b/;

/** The tool could not do its work: a short true sentence with the way out. */
export function refusalAnswer(error: unknown): CallToolResult {
	const known = error instanceof CoveyError ? error : undefined;
	const sentence = clip(error instanceof Error ? error.message : String(error), 1500);
	const hint = known?.hint && clip(forAgents(known.hint), 500);
	return toolResult(
		[`NOT DONE: ${sentence}`, ...(hint ? [`What to do: ${hint}`] : [])].join("\n"),
		{ outcome: "not_done", code: known?.code ?? "internal", summary: sentence, hint },
		true,
	);
}

function forAgents(hint: string): string {
	for (const [written, instead] of translations) {
		const found = written.exec(hint);
		if (found) return instead.replace("$1", found[1] ?? "");
	}
	return forPersons.test(hint) && !hint.startsWith("tell the person") ? `tell the person: ${hint}` : hint;
}
