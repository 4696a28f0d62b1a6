import type { Outcome } from "@covey/protocol";

/** What an agent can do where the work could not be done, or not to its end. A result that speaks for itself has none. */
const waysOut: Partial<Record<Outcome, string>> = {
	timed_out: "give it a longer limit with timeout_secs, or run a smaller part of it",
	silent: "find out what it waits for, as input, a lock or a server; else let it write something while it works",
	out_of_memory: "let it do less at once, as with fewer parallel processes; else tell the person that it needs more memory",
	worker_lost: "call it again; worker_status shows who is there",
	no_capacity: "look at worker_status; if nobody there fits, tell the person",
	bad_environment:
		"if the tree's own files are the reason, as a flake.nix that does not evaluate, mend them; else tell the person what is missing on that machine",
	bad_snapshot: "call it again; if it ends like this once more, tell the person",
	refused: "tell the person: what a worker takes is up to its owner",
	cancelled: "call it again if it is still wanted",
	superseded: "a newer run took its place: wait for that one",
	needs_human: "tell the person, who decides whether it runs again",
};

export const wayOutOf = (outcome: string): string | undefined => waysOut[outcome as Outcome];
