import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { TaskSubmission, type TaskSubmissionInput } from "@covey/protocol";
import { expect, test } from "vitest";
import { Archivist } from "#coordinator/archivist.ts";
import { Driver } from "#coordinator/driver.ts";
import { openSqliteHistory } from "#history/sqlite/history.ts";
import { type AppendFault, openMemoryJournal } from "#journal/memory/journal.ts";
import { systemClock } from "#kit/clock.ts";
import { silentLogger } from "#kit/logger.ts";
import type { History } from "#ports/history.ts";
import type { Caller, OperationContext } from "./context.ts";
import { SnapshotPins } from "./pins.ts";
import { createSubmit } from "./submit.ts";

const admin = { name: "admin", admin: true, namespaces: [] };
const caller: Caller = {
	principal: { name: "admin", tokenId: "admin", roles: ["admin"], namespaces: [] },
	signal: new AbortController().signal,
};
const snapshot = { repository: "0".repeat(32), tree: "1".repeat(40), commit: "2".repeat(40) };

/** A fleet without doors: submissions go in as a client's do. `found` sees what history answers before the caller does. */
async function start(
	options: { readonly found?: () => Promise<void>; readonly faultOf?: (append: number) => AppendFault | undefined } = {},
) {
	const directory = await mkdtemp(join(tmpdir(), "covey-submit-"));
	const journal = openMemoryJournal(options.faultOf ? { faultOf: options.faultOf } : {});
	const history = await openSqliteHistory({ file: join(directory, "history.db") });
	const archivist = new Archivist({ history, clock: systemClock, logger: silentLogger });
	const driver = new Driver({ journal, archivist, clock: systemClock, logger: silentLogger, onFatal: () => {} });
	await driver.start(new AbortController().signal);
	const slow: History = Object.create(history, {
		findByDedupKey: {
			value: async (...parameters: Parameters<History["findByDedupKey"]>) => {
				const answer = await history.findByDedupKey(...parameters);
				await options.found?.();
				return answer;
			},
		},
	});
	const pinned = new Set<string>();
	const store = { has: async () => true, pin: (_: unknown, commit: string) => void pinned.add(commit), unpin: () => pinned.clear() };
	const pins = new SnapshotPins(store, driver);
	const context = { control: driver, history: slow, clock: systemClock, pins, look: archivist.look.bind(archivist) };
	const handler = createSubmit(context as unknown as OperationContext);
	return {
		driver,
		archivist,
		history,
		pinned,
		async submit(...submissions: TaskSubmissionInput[]) {
			const parsed = submissions.map((submission) => TaskSubmission.parse(submission));
			return (await handler({ submissions: parsed }, caller)).results;
		},
		async [Symbol.asyncDispose]() {
			await driver.stop();
			await history.close();
			await journal.close();
			await rm(directory, { recursive: true });
		},
	};
}

const keyed: TaskSubmissionInput = { type: "no-op", payload: null, dedupKey: "k" };

test("equal keys in one call, and in calls at once, are one task", async () => {
	await using fleet = await start();
	const results = (await Promise.all([fleet.submit(keyed, keyed), fleet.submit(keyed)])).flat();
	expect(new Set(results.map(({ task }) => task)).size).toBe(1);
	expect(results.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
});

test("a key whose task goes from memory to history between the two looks is found all the same", async () => {
	let passing = async () => {};
	await using fleet = await start({ found: () => passing() });
	const [first] = await fleet.submit(keyed);
	await fleet.driver.ask({ type: "task.cancel", actor: admin, task: first!.task, force: false });
	passing = async () => {
		// What history has answered is old by now.
		void fleet.archivist.flush();
		while ((await fleet.history.get(first!.task)) === undefined) await setImmediate();
		for (let turns = 0; turns < 20; turns++) await setImmediate();
	};
	expect(await fleet.submit(keyed)).toMatchObject([{ task: first!.task, deduplicated: true }]);
	passing = async () => {};
	while ((await fleet.driver.query((view) => view.task(first!.task))) !== undefined) await setImmediate();
	expect(await fleet.submit(keyed)).toMatchObject([{ task: first!.task, deduplicated: true }]);
});

test("what a call needed that failed on a full disk stays, while it may take effect yet", async () => {
	let full = true;
	await using fleet = await start({ faultOf: () => (full ? "full" : undefined) });
	const run: TaskSubmissionInput = { payload: { command: ["true"], snapshot } };
	await expect(fleet.submit(run)).rejects.toMatchObject({ code: "store_full" });
	expect([...fleet.pinned]).toEqual([snapshot.commit]);
	full = false;
	while (fleet.driver.state !== "ready") await setImmediate();
	const { tasks } = await fleet.driver.query((view) => view.tasks({ limit: 10, matches: () => true }));
	expect(tasks).toHaveLength(1);
	await fleet.driver.ask({ type: "task.cancel", actor: admin, task: tasks[0]!.id, force: false });
	expect([...fleet.pinned]).toEqual([]);
});

test("what a call needed that was refused is let go", async () => {
	await using fleet = await start();
	const refused: TaskSubmissionInput = { payload: { command: ["true"], snapshot }, policies: { unmatched: "refuse" } };
	await expect(fleet.submit(refused)).rejects.toMatchObject({ code: "no_worker" });
	expect([...fleet.pinned]).toEqual([]);
});
