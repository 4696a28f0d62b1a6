import { CoveyError } from "@covey/protocol";
import { expect, test } from "vitest";
import { refusalAnswer } from "./refusal.ts";

const said = (hint: string): string => {
	const { content, structuredContent } = refusalAnswer(new CoveyError("bad_request", "no", { hint }));
	const { hint: structured } = structuredContent as { readonly hint: string };
	expect((content[0] as { readonly text: string }).text).toBe(`NOT DONE: no\nWhat to do: ${structured}`);
	return structured;
};

test("no way out asks an agent for an option that it does not have", () => {
	for (const hint of [
		"join one with covey join, or let it wait for one: covey run --detach",
		"--allow symlink runs without it: the link will dangle",
		"run it in a git worktree, or pass --no-snapshot to run without files",
		"covey tasks lists them",
		"covey tasks lists live and ended ones",
		"wait until some have ended, or cancel what is no longer wanted: covey tasks --status pending",
	])
		expect(said(hint), hint).not.toMatch(/--(detach|allow|no-snapshot|status)|covey tasks/);
	expect(said("covey tasks show t_1")).toBe('it has ended: job_wait {"job_id":"t_1"} gives its answer');
});

test("what only a person can type is for the person; what an agent can do stays", () => {
	expect(said("covey login URL writes one")).toBe("tell the person: covey login URL writes one");
	expect(said("name one of the token's namespaces with --namespace")).toMatch(/^tell the person: /);
	for (const hint of [
		'add one, as in fix = ["cargo", "clippy", "--fix"]',
		"use run_command, or say in .covey.toml what [commands.test] runs",
	])
		expect(said(hint)).toBe(hint);
});
