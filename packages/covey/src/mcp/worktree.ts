import type { Fleet } from "@covey/client";
import type { ArtifactReference, Fallback } from "@covey/protocol";
import type { Commands } from "./project/commands.ts";
import type { ProjectFiles } from "./project/recipe.ts";

/** The exact state of the agent's worktree at one moment. */
export interface WorktreeSnapshot {
	/** RepositoryId. */
	readonly repository: string;
	readonly tree: string;
	readonly commit: string;
	/** Files that differ from HEAD: changed, added, removed, untracked. */
	readonly uncommitted: number;
	/** What the agent should know, a sentence each. */
	readonly notes: readonly string[];
}

/** What became of a patch. Not applied: `reason` is a sentence. */
export type Applied = { readonly applied: true; readonly files: readonly string[] } | { readonly applied: false; readonly reason: string };

/** What `.covey.toml` and the person's own configuration say of its runs. */
export interface WorktreePolicy {
	readonly namespace: string;
	/** May the coordinator's own worker take its work? The coordinator's default if absent. */
	readonly fallback?: Fallback;
	/** What the verbs mean, where that is declared. */
	readonly commands?: Commands | undefined;
}

/** The agent's worktree on the machine that serves it: what the tools need and `mcp` may not touch itself. */
export interface Worktree {
	readonly root: string;
	/** Of this worktree and no other, also when agents on other machines have theirs at the same path. */
	readonly id: string;
	readonly files: ProjectFiles;
	/** What its configuration says now: an edit counts from the next call on. @throws CoveyError `bad_config` with file, line and column. */
	policy(): Promise<WorktreePolicy>;
	/** @throws CoveyError `bad_request` (not a worktree), `bad_snapshot`. */
	snapshot(signal: AbortSignal): Promise<WorktreeSnapshot>;
	/** Sees that the coordinator has the snapshot. */
	carry(fleet: Fleet, snapshot: WorktreeSnapshot, namespace: string, signal: AbortSignal): Promise<void>;
	/** Applies a git patch if the worktree is still exactly at `tree`. */
	apply(patch: Uint8Array, tree: string): Promise<Applied>;
	/**
	 * Puts an artifact at its path, verified against its digest.
	 * @throws CoveyError `bad_request` (wrong content, a path that leads out or into `.git`), `conflict` (something stands in the way).
	 */
	place(artifact: ArtifactReference, content: AsyncIterable<Uint8Array>): Promise<void>;
	/** A small document about this worktree that outlives the process; undefined if there is none. */
	recall(name: string): Promise<unknown>;
	remember(name: string, value: unknown): Promise<void>;
}
