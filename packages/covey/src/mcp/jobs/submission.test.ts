import { expect, test } from "vitest";
import type { Worktree } from "#mcp/worktree.ts";
import { submissionFor } from "./submission.ts";

const submit = (id: string) =>
	submissionFor({
		verb: "test",
		recipe: { command: ["true"], environment: {}, parser: "generic", pull: [], changesTree: false, because: "as asked" },
		worktree: { root: "/workspace", id } as Worktree,
		policy: { namespace: "default" },
		snapshot: { repository: "r", tree: "t", commit: "c", uncommitted: 0, notes: [] },
		wishes: { idempotency_key: "again", supersede: true },
		settings: { timeoutMs: 1000, holdMs: 1000 },
	});

test("a key names a run of one worktree: another one at the same path of another machine neither finds nor ends it", () => {
	const [one, same, other] = [submit("a"), submit("a"), submit("b")];
	expect(same).toEqual(one);
	expect(other.dedupKey).not.toBe(one.dedupKey);
	expect(other.supersedeKey).not.toBe(one.supersedeKey);
	expect(other.mergeKey).toBe(one.mergeKey);
});

test("what a verb meant, and what said so, goes with the task", () => {
	const payload = submit("a").payload as { readonly purpose: object };
	expect(payload.purpose).toEqual({ verb: "test", parser: "generic", ran: "true", because: "as asked" });
});
