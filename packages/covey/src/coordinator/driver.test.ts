import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TaskSubmission } from "@covey/protocol";
import { describe, expect, it, vi } from "vitest";
import type { Effect } from "#core/effect.ts";
import { openSqliteHistory } from "#history/sqlite/history.ts";
import { createMemoryDisk, type MemoryDisk } from "#journal/memory/disk.ts";
import { type AppendFault, openMemoryJournal } from "#journal/memory/journal.ts";
import { type Clock, systemClock } from "#kit/clock.ts";
import { type Deferred, deferred } from "#kit/deferred.ts";
import { createIdentifier } from "#kit/identifier.ts";
import { silentLogger } from "#kit/logger.ts";
import type { History, HistoryBatch } from "#ports/history.ts";
import type { Journal } from "#ports/journal.ts";
import { Archivist } from "./archivist.ts";
import { type Commit, Driver } from "./driver.ts";
import { driverLimits } from "./limits.ts";

const admin = { name: "admin", admin: true, namespaces: [] };

interface Setup {
	readonly disk?: MemoryDisk;
	readonly directory?: string;
	readonly faultOf?: (append: number) => AppendFault | undefined;
	/** Appends wait for `let(n)`. */
	readonly held?: boolean;
	readonly clock?: Clock;
	readonly checkpointChangesMin?: number;
	/** History takes nothing until this resolves. */
	readonly historyStalls?: Promise<void>;
}

/** A driver on a journal in memory whose appends the test lets go one by one. */
async function startDriver(setup: Setup = {}) {
	const directory = setup.directory ?? (await mkdtemp(join(tmpdir(), "covey-driver-")));
	const disk = setup.disk ?? createMemoryDisk();
	const journal = openMemoryJournal({ disk, ...(setup.faultOf && { faultOf: setup.faultOf }) });
	const waiting: Deferred<void>[] = [];
	let { held } = setup;
	const arrivals: (() => void)[] = [];
	const slow: Journal = Object.create(journal, {
		tail: { get: () => journal.tail },
		recover: { value: () => journal.recover() },
		append: {
			value: async (...parameters: Parameters<Journal["append"]>) => {
				if (held) {
					const turn = deferred();
					waiting.push(turn);
					for (const arrived of arrivals.splice(0)) arrived();
					await turn.promise;
				}
				return journal.append(...parameters);
			},
		},
		putSnapshot: { value: (...parameters: Parameters<Journal["putSnapshot"]>) => journal.putSnapshot(...parameters) },
		truncate: { value: (sequence: number) => journal.truncate(sequence) },
	});
	const history = await openSqliteHistory({ file: join(directory, "history.db") });
	const clock = setup.clock ?? systemClock;
	const stalling: History = Object.create(history, {
		appliedSequence: { get: () => history.appliedSequence },
		apply: { value: async (batch: HistoryBatch) => setup.historyStalls?.then(() => history.apply(batch)) },
	});
	const archivist = new Archivist({ history: setup.historyStalls ? stalling : history, clock, logger: silentLogger });
	const fatal: unknown[] = [];
	const commits: Commit[] = [];
	const driver = new Driver({
		journal: slow,
		archivist,
		clock,
		logger: silentLogger,
		onFatal: (cause) => fatal.push(cause),
		onCommit: (commit) => commits.push(commit),
		...(setup.checkpointChangesMin !== undefined && { checkpointChangesMin: setup.checkpointChangesMin }),
	});
	await driver.start(new AbortController().signal);
	return {
		driver,
		disk,
		journal,
		history,
		archivist,
		directory,
		fatal,
		commits,
		/** Resolves when an append waits. */
		appending: async () => {
			if (waiting.length === 0) await new Promise<void>((resolve) => arrivals.push(resolve));
		},
		let: () => waiting.shift()?.resolve(),
		async [Symbol.asyncDispose]() {
			held = false;
			for (const turn of waiting) turn.resolve();
			await driver.stop();
			await history.close();
			await journal.close();
			if (setup.directory === undefined) await rm(directory, { recursive: true });
		},
	};
}

function submitEvent(over: Partial<TaskSubmission> = {}) {
	const identifier = createIdentifier(systemClock.now(), randomBytes);
	const submission = { ...TaskSubmission.parse({ payload: { command: ["true"] } }), ...over };
	return { type: "task.submit" as const, actor: admin, tasks: [{ id: `t_${identifier}`, ask: `a_${identifier}`, submission }] };
}

/** Resolves after the turn in which the driver steps what was handed in. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

async function isPending(promise: Promise<unknown>): Promise<boolean> {
	await nextTurn();
	return Promise.race([
		promise.then(
			() => false,
			() => false,
		),
		Promise.resolve(true),
	]);
}

describe("the driver", () => {
	it("tells nothing before the entry that holds it is durable", async () => {
		await using run = await startDriver({ held: true });
		const effects: Effect[] = [];
		run.driver.subscribe((batch) => effects.push(...batch));
		const event = submitEvent();
		const asked = run.driver.ask(event);
		await run.appending();
		const seen = run.driver.query((fleet) => fleet.task(event.tasks[0]!.id)?.status);
		expect(await isPending(asked)).toBe(true);
		expect(await isPending(seen)).toBe(true);
		expect(effects).toEqual([]);
		run.let();
		expect((await asked).results).toMatchObject([{ task: event.tasks[0]!.id, merged: false }]);
		expect(await seen).toBe("pending");
		expect(effects).toMatchObject([{ type: "notify", event: { type: "task", status: "pending" } }]);
		expect(run.driver.sequence).toBe(1);
	});

	it("gathers what comes during an append into one entry", async () => {
		await using run = await startDriver({ held: true });
		const first = run.driver.ask(submitEvent());
		await run.appending();
		const rest = Array.from({ length: 50 }, () => run.driver.ask(submitEvent()));
		await nextTurn();
		run.let();
		await first;
		await run.appending();
		run.let();
		await Promise.all(rest);
		expect(run.commits.map(({ events }) => events)).toEqual([1, 50]);
		expect(run.driver.sequence).toBe(2);
	});

	it("answers queries at once when all that they see is durable", async () => {
		await using run = await startDriver({ held: true });
		expect(await run.driver.query((fleet) => fleet.counts().tasks.pending)).toBe(0);
	});

	it("refuses as the fleet refuses, and goes on", async () => {
		await using run = await startDriver();
		await expect(run.driver.ask({ type: "worker.drain", actor: admin, worker: "nobody", draining: true })).rejects.toMatchObject({
			code: "not_found",
		});
		await run.driver.ask(submitEvent());
	});

	it("carries out what was handed in before it stops, and refuses what comes later", async () => {
		const disk = createMemoryDisk();
		const event = submitEvent();
		{
			await using run = await startDriver({ disk });
			const asked = run.driver.ask(event);
			await run.driver.stop();
			await asked;
			await expect(run.driver.ask(submitEvent())).rejects.toMatchObject({ code: "unavailable" });
		}
		await using again = await startDriver({ disk });
		expect(await again.driver.query((fleet) => fleet.task(event.tasks[0]!.id)?.status)).toBe("pending");
	});

	it("takes no new tasks while it drains", async () => {
		await using run = await startDriver();
		run.driver.drain();
		expect(run.driver.state).toBe("draining");
		await expect(run.driver.ask(submitEvent())).rejects.toMatchObject({ code: "unavailable" });
	});
});

describe("a journal that refuses", () => {
	it.each(["conflict", "lost", "kept", "torn"] as const)("%s: ends the driver, and nobody is told anything", async (fault) => {
		await using run = await startDriver({ faultOf: () => fault });
		const effects: Effect[] = [];
		run.driver.subscribe((batch) => effects.push(...batch));
		await expect(run.driver.ask(submitEvent())).rejects.toMatchObject({ code: "unavailable" });
		expect(run.fatal).toHaveLength(1);
		expect(effects).toEqual([]);
		expect(run.driver.state).toBe("stopped");
	});

	it("full: refuses changes, still reads, loses nothing and recovers by itself", async () => {
		let full = true;
		const retried = deferred();
		const released = deferred();
		const clock: Clock = {
			...systemClock,
			sleep: async (ms, signal) => {
				if (ms < 1000) return systemClock.sleep(ms, signal);
				retried.resolve();
				await released.promise;
			},
		};
		await using run = await startDriver({ clock, faultOf: () => (full ? "full" : undefined) });
		const event = submitEvent();
		const effects: Effect[] = [];
		run.driver.subscribe((batch) => effects.push(...batch));
		await expect(run.driver.ask(event)).rejects.toMatchObject({
			code: "store_full",
			message: expect.stringContaining("takes effect if space returns"),
		});
		await retried.promise;
		expect(run.driver.state).toBe("read_only");
		await expect(run.driver.ask(submitEvent())).rejects.toMatchObject({
			code: "store_full",
			message: expect.stringContaining("takes no changes"),
		});
		expect(await run.driver.query((fleet) => fleet.counts().tasks.pending)).toBe(1);
		expect(effects).toEqual([]);
		full = false;
		released.resolve();
		await new Promise<void>((resolve) => run.driver.subscribe(() => resolve()));
		expect(run.driver.state).toBe("ready");
		expect(effects).toMatchObject([{ type: "notify", event: { task: event.tasks[0]!.id } }]);
		await run.driver.ask(submitEvent());
		expect(run.fatal).toEqual([]);
	});

	it("full at the stop: the entry in hand is dropped untold", async () => {
		const disk = createMemoryDisk();
		{
			await using run = await startDriver({ disk, faultOf: () => "full" });
			await expect(run.driver.ask(submitEvent())).rejects.toMatchObject({ code: "store_full" });
		}
		await using again = await startDriver({ disk });
		expect(await again.driver.query((fleet) => fleet.counts().tasks.pending)).toBe(0);
	});
});

describe("ended tasks", () => {
	/** Ends a task that no worker ever took. */
	async function endOne(driver: Driver): Promise<string> {
		const event = submitEvent();
		const { id } = event.tasks[0]!;
		await driver.ask(event);
		await driver.ask({ type: "task.cancel", actor: admin, task: id, force: false });
		return id;
	}

	it("go to history and leave memory", async () => {
		await using run = await startDriver();
		const id = await endOne(run.driver);
		while ((await run.driver.query((fleet) => fleet.task(id))) !== undefined) await nextTurn();
		expect(await run.history.get(id)).toMatchObject({ id, status: "cancelled", outcome: "cancelled" });
	});

	it("reach history at the next start when the process died in between, with the audit", async () => {
		const disk = createMemoryDisk();
		let id: string;
		{
			await using run = await startDriver({ disk });
			id = await endOne(run.driver);
		}
		// Another directory: this history has seen nothing yet.
		await using again = await startDriver({ disk });
		expect(await again.history.get(id)).toMatchObject({ status: "cancelled" });
		expect((await again.history.audit({ limit: 10 })).items).toMatchObject([{ action: "task.cancel", subject: id, actor: "admin" }]);
		expect(again.history.appliedSequence).toBe(2);
	});

	it("go to history as they ended, whatever a person has begun to make of them since", async () => {
		await using run = await startDriver({ held: true });
		const event = submitEvent();
		const task = event.tasks[0]!.id;
		const named = { worker: "box", session: "s1" };
		const record = { name: "box", enrolledAt: 0, namespaces: [], tags: {}, draining: false, revoked: false };
		const offer = { slots: 1, capabilities: ["run"], tags: {}, os: "linux", arch: "x64", isolation: 0, version: "1", warm: [] };
		const report = { outcome: "failed" as const, artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };
		void run.driver.ask({ type: "worker.enrol", actor: admin, record: { ...record, identity: { kind: "embedded" } } });
		void run.driver.ask({ type: "worker.connect", ...named, instance: "i1", protocol: 2, offer });
		void run.driver.ask(event);
		run.driver.tell({ type: "attempt.completed", ...named, task, attempt: 1, report });
		await run.appending();
		run.let();
		await run.driver.query(() => {});
		const resolved = run.driver.ask({ type: "task.resolve", actor: admin, task, to: "done" });
		await run.appending();
		// Memory says what is not durable yet.
		const seen = run.driver.query((fleet) => fleet.task(task)?.status);
		await run.archivist.flush();
		expect(await run.history.get(task)).toMatchObject({ status: "failed" });
		run.let();
		await resolved;
		expect(await seen).toBe("done");
		await run.archivist.flush();
		expect(await run.history.get(task)).toMatchObject({ status: "done" });
	});

	it("wait with the audit for a history that is behind, and what would add to the audit is refused when too much of it waits", async () => {
		const stalled = deferred();
		await using run = await startDriver({ historyStalls: stalled.promise });
		const entry = { type: "audit", at: 1, actor: "admin", action: "worker.drain", subject: "box" } as const;
		run.archivist.add(run.driver.sequence, { ended: [], audit: Array.from({ length: driverLimits.auditQueuedMax }, () => entry) });
		const drain = () => run.driver.ask({ type: "worker.drain", actor: admin, worker: "box", draining: true });
		await expect(drain()).rejects.toMatchObject({ code: "too_many" });
		await run.driver.ask(submitEvent());
		stalled.resolve();
		await run.archivist.flush();
		await expect(drain()).rejects.toMatchObject({ code: "not_found" });
	});

	it("come back when history is rebuilt from the journal", async () => {
		await using run = await startDriver();
		const ids = [await endOne(run.driver), await endOne(run.driver)];
		await run.archivist.flush();
		expect(await run.archivist.rebuild(run.journal)).toEqual({ tasks: 2 });
		for (const id of ids) expect(await run.history.get(id)).toMatchObject({ status: "cancelled" });
		const after = await endOne(run.driver);
		await run.archivist.flush();
		expect(await run.history.get(after)).toMatchObject({ status: "cancelled" });
	});

	it("come back also when the journal has dropped the beginning of what it tells", async () => {
		await using run = await startDriver({ checkpointChangesMin: 3 });
		const event = submitEvent();
		await run.driver.ask(event);
		const dropped = () =>
			run.journal
				.read(0)
				[Symbol.asyncIterator]()
				.next()
				.then(
					() => false,
					() => true,
				);
		while (!(await dropped())) {
			await run.driver.ask(submitEvent());
			await run.archivist.flush();
		}
		const { id } = event.tasks[0]!;
		await run.driver.ask({ type: "task.cancel", actor: admin, task: id, force: false });
		await run.archivist.flush();
		expect((await run.archivist.rebuild(run.journal)).tasks).toBe(1);
		expect(await run.history.get(id)).toMatchObject({ status: "cancelled" });
	});
});

describe("a checkpoint", () => {
	it("shortens the journal, and the next start finds the same fleet", async () => {
		const disk = createMemoryDisk();
		const total = 3000;
		{
			await using run = await startDriver({ disk, checkpointChangesMin: 5000 });
			const tasks = Array.from({ length: total }, () => submitEvent().tasks[0]!);
			for (let i = 0; i < total; i += 1000) await run.driver.ask({ type: "task.submit", actor: admin, tasks: tasks.slice(i, i + 1000) });
			while ((await run.journal.size()).snapshotSequence === 0) await nextTurn();
		}
		await using again = await startDriver({ disk });
		expect(await again.driver.query((fleet) => fleet.counts().tasks.pending)).toBe(total);
	});

	it("that is due lets no timer be forgotten that fires while it waits for the disk", async () => {
		vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
		using _timers = { [Symbol.dispose]: () => void vi.useRealTimers() };
		let now = systemClock.now();
		await using run = await startDriver({ held: true, clock: { ...systemClock, now: () => now }, checkpointChangesMin: 50_000 });
		const sleeper = submitEvent({ notBefore: now + 60_000 });
		const many = Array.from({ length: 26 }, () => Array.from({ length: 1000 }, () => submitEvent().tasks[0]!));
		const asked = [sleeper, ...many.map((tasks) => ({ ...sleeper, tasks }))].map((event) => run.driver.ask(event));
		await run.appending();
		asked.push(run.driver.ask(submitEvent()));
		await nextTurn();
		run.let();
		// The second entry is on its way, and the changes of the first have made a checkpoint due.
		await asked[0];
		await run.appending();
		now += 60_000;
		vi.advanceTimersByTime(60_000);
		await nextTurn();
		run.let();
		await Promise.all(asked);
		await nextTurn();
		const why = await run.driver.query((fleet) => fleet.explain(sleeper.tasks[0]!.id, now)?.sentence);
		expect(why).toBe("waits for a worker: none has ever joined");
	});
});
