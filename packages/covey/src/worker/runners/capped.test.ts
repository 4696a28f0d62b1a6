import type { Assign } from "@covey/protocol";
import { expect, test } from "vitest";
import type { AttemptIo, Runner } from "#ports/runner.ts";
import { type Caps, createCapped } from "./capped.ts";

async function seenBy(caps: Caps, policies: object, payload: unknown): Promise<Pick<Assign, "policies" | "payload">> {
	let seen: Assign | undefined;
	const runner: Runner = {
		type: "run",
		async run(assign) {
			seen = assign;
			return {} as never;
		},
	};
	await createCapped(runner, caps).run({ policies, payload } as Assign, {} as AttemptIo, new AbortController().signal);
	return seen!;
}

test("a task gets at most what the machine gives", async () => {
	const caps = { jobMs: 1000, graceMs: 100, environmentMs: 500 };
	expect(await seenBy(caps, { timeoutMs: 5000, graceMs: 5000 }, { command: ["x"], environmentTimeoutMs: 9000 })).toEqual({
		policies: { timeoutMs: 1000, graceMs: 100 },
		payload: { command: ["x"], environmentTimeoutMs: 500 },
	});
	expect(await seenBy(caps, { graceMs: 50 }, { command: ["x"] })).toEqual({
		policies: { timeoutMs: 1000, graceMs: 50 },
		payload: { command: ["x"] },
	});
});

test("a machine without bounds changes nothing", async () => {
	const asked = { policies: { graceMs: 5000 }, payload: { environmentTimeoutMs: 9000 } };
	expect(await seenBy({}, asked.policies, asked.payload)).toEqual(asked);
});
