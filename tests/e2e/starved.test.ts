import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { verifies } from "./verifies.ts";

test("jobs that take every core do not make their worker look lost", async () => {
	verifies("load:starved");
	const jobs = 2 * availableParallelism();
	// Pinged every second, with 900 ms to answer: far harsher than the default.
	await using fleet = await Fleet.start({ workers: 1, slots: jobs, leaseTtl: "2500ms" });
	const stopped = new AbortController();
	const seen: string[] = [];
	const watching = (async () => {
		for await (const event of fleet.sdk.events({ signal: stopped.signal })) if (event.type === "worker") seen.push(event.status);
	})().catch(() => {});
	// Many loops in one job, because a worker under pressure takes no second one.
	const busy = `for i in $(seq ${jobs}); do while :; do :; done & done; wait`;
	const finished = await fleet.run(["--json", "--no-snapshot", "--timeout", "6s", "--", "sh", "-c", busy]);
	expect(finished.code).toBe(124);
	expect(recordOf(finished)).toMatchObject({ outcome: "timed_out", attempt: 1 });
	stopped.abort();
	await watching;
	expect(seen.filter((status) => status !== "connected")).toEqual([]);
	expect(await fleet.run(["--no-snapshot", "--", "true"])).toMatchObject({ code: 0 });
});
