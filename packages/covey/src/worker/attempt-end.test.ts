import { once } from "node:events";
import { expect, test } from "vitest";
import type { EndOfAttempt } from "#ports/runner.ts";
import { AttemptEnd } from "./attempt-end.ts";

test("the first order gives the reason, a second one cuts the grace short", async () => {
	const end = new AttemptEnd();
	expect(end.signal.aborted).toBe(false);
	end.order("cancelled", 60_000);
	const order = end.signal.reason as EndOfAttempt;
	expect(order).toMatchObject({ reason: "cancelled", graceMs: 60_000 });
	expect(order.hurry?.aborted).toBe(false);
	const hurried = once(order.hurry as AbortSignal, "abort");
	// The timer alone does not keep a process alive.
	const alive = setInterval(() => {}, 1000);
	end.order("worker_lost", 0);
	await hurried;
	clearInterval(alive);
	expect(order.reason).toBe("cancelled");
});
