import fc from "fast-check";
import { expect, test } from "vitest";
import { actor, admin, held, Scene } from "./fleet.fixture.ts";
import { records, restore, resume, stateHash, takeChanges } from "./fleet.ts";
import { limits } from "./limits.ts";
import type { RecordChange } from "./record.ts";

/** What a disk would give back. */
const onDisk = (changes: Iterable<RecordChange>): RecordChange[] => JSON.parse(JSON.stringify([...changes]));

function restarted(scene: Scene): Scene {
	const again = new Scene();
	again.now = scene.now;
	restore(again.fleet, onDisk(records(scene.fleet)));
	return again;
}

/** A fleet to which all kinds of things have happened, and the journal it wrote. */
function eventful(commands: readonly { kind: string; pick: number }[]): { scene: Scene; journal: RecordChange[] } {
	const scene = new Scene();
	const journal: RecordChange[] = [];
	for (const { kind, pick } of commands) {
		const tasks = [...scene.fleet.tasks.values()];
		const task = tasks[pick % Math.max(1, tasks.length)];
		if (kind === "submit")
			scene.submit({ mergeKey: `m${pick % 3}`, supersedeKey: `s${pick % 4}`, dedupKey: `d${pick % 9}` }, actor(`p${pick % 2}`));
		else if (kind === "connect") scene.connect(`w${pick % 3}`, { slots: 2 }, { session: `s${pick}` });
		else if (kind === "token") scene.token(`k${pick}`);
		else if (kind === "pass") scene.pass(pick % 60_000);
		else if (kind === "drain" && scene.fleet.workers.has("w0"))
			scene.ask({ type: "worker.drain", actor: admin, worker: "w0", draining: pick % 2 === 0 });
		else if (kind === "complete" && task?.lease !== undefined) scene.complete(task, { outcome: pick % 2 === 0 ? "passed" : "failed" });
		else if (kind === "cancel" && task !== undefined) scene.ask({ type: "task.cancel", actor: admin, task: task.spec.id, force: false });
		else if (kind === "resolve" && task !== undefined) scene.ask({ type: "task.resolve", actor: admin, task: task.spec.id, to: "pending" });
		else if (kind === "hold" && task !== undefined) scene.do({ type: "history.holds", tasks: [held(task)] });
		if (pick % 3 === 0) journal.push(...onDisk(takeChanges(scene.fleet)));
	}
	journal.push(...onDisk(takeChanges(scene.fleet)));
	return { scene, journal };
}

const commands = fc.array(
	fc.record({
		kind: fc.constantFrom("submit", "submit", "connect", "complete", "token", "pass", "drain", "cancel", "resolve", "hold"),
		pick: fc.nat(),
	}),
	{ maxLength: 60 },
);

test("replaying the journal, and a snapshot, both give the state that wrote them", () => {
	fc.assert(
		fc.property(commands, (script) => {
			const { scene, journal } = eventful(script);
			const replayed = new Scene();
			restore(replayed.fleet, journal);
			expect(stateHash(replayed.fleet)).toBe(stateHash(scene.fleet));
			const copied = restarted(scene);
			expect(stateHash(copied.fleet)).toBe(stateHash(scene.fleet));
			expect(copied.fleet.tally).toEqual(scene.fleet.tally);
			const rest = copied.view.tasks({ limit: 1000, matches: () => true }).tasks.map(({ id }) => id);
			expect(rest).toEqual(scene.view.tasks({ limit: 1000, matches: () => true }).tasks.map(({ id }) => id));
		}),
	);
});

test("after a restart, every task that was live still comes to its end", () => {
	fc.assert(
		fc.property(commands, (script) => {
			const again = restarted(eventful(script).scene);
			resume(again.fleet, again.now);
			again.connect("fresh", { slots: 64 });
			again.pass(20 * 60_000);
			for (let round = 0; round < 40; round++)
				for (const task of again.fleet.tasks.values()) if (task.lease !== undefined) again.complete(task);
			for (const task of again.fleet.tasks.values()) expect(["done", "failed", "cancelled"]).toContain(task.status);
		}),
		{ numRuns: 50 },
	);
});

test("different states have different hashes", () => {
	const scene = new Scene();
	const empty = stateHash(scene.fleet);
	scene.submit();
	const one = stateHash(scene.fleet);
	scene.connect("box");
	expect(new Set([empty, one, stateHash(scene.fleet)]).size).toBe(3);
	expect(one).toMatch(/^[0-9a-f]{16}$/);
});

test("after a restart every attempt has one full lease in which its worker may claim it", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 3 });
	const [claimed, running, ended] = [scene.submit(), scene.submit(), scene.submit()];
	scene.start(running!);
	const again = restarted(scene);
	resume(again.fleet, scene.now);
	expect(again.worker("box")).toMatchObject({ status: "disconnected", slotsUsed: 3 });
	again.pass(limits.leaseTtlMs);
	again.connect("box", { slots: 3 }, { session: "box/2" });
	again.sync("box", [again.listed(again.task(running!.spec.id))]);
	expect(again.of("synced")).toMatchObject([{ keep: [{ task: running!.spec.id }] }]);
	expect(again.of("assign").map(({ message }) => [message.task, message.attempt])).toEqual([
		[claimed!.spec.id, 1],
		[ended!.spec.id, 1],
	]);
	again.complete(again.task(running!.spec.id), {}, { session: "box/2" });
	expect(again.task(running!.spec.id).status).toBe("done");
});

test("an attempt whose worker does not come back after a restart is lost when its lease has ended", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	const again = restarted(scene);
	resume(again.fleet, scene.now);
	again.pass(limits.leaseTtlMs + limits.leaseMarginMs);
	expect(again.task(task.spec.id)).toMatchObject({ status: "pending", attempts: [{ report: { outcome: "worker_lost" } }] });
});

test("what a worker offers is not known until it comes back, so work it may fit is not refused meanwhile", () => {
	const scene = new Scene();
	scene.connect("mac", { os: "darwin" });
	const bad = scene.connect("bad");
	scene.ask({ type: "worker.revoke", actor: admin, worker: bad.record.name });
	const again = restarted(scene);
	resume(again.fleet, scene.now);
	expect(again.worker("bad").status).toBe("gone");
	expect(again.trySubmit([{ constraints: { os: "darwin" }, policies: { unmatched: "refuse" } }])).toMatchObject({ ok: true });
});

test("halves of a task may come in either order, and go in either order", () => {
	const scene = new Scene();
	const task = scene.submit();
	const both = onDisk(takeChanges(scene.fleet)).filter(({ id }) => id === task.spec.id);
	for (const order of [both, both.toReversed()]) {
		const again = new Scene();
		restore(again.fleet, order);
		restore(again.fleet, order);
		expect(again.task(task.spec.id).spec.submitter).toBe("ann");
		expect(again.fleet.tally.pending).toBe(1);
		restore(
			again.fleet,
			order.map((change) => ({ ...change, value: null })),
		);
		expect(again.fleet.tasks.size).toBe(0);
		expect(again.fleet.halves.size).toBe(0);
	}
});

test("a change of a task is journalled without the lists that are as they were", () => {
	const scene = new Scene();
	scene.connect("box");
	const lists = () => {
		const { value } = onDisk(takeChanges(scene.fleet)).find(({ kind }) => kind === "task")!;
		return ["asks", "attempts", "placements"].filter((name) => name in (value as object));
	};
	const task = scene.submit();
	expect(lists()).toEqual(["asks", "attempts", "placements"]);
	scene.start(task);
	expect(lists()).toEqual(["attempts"]);
	scene.ask({ type: "task.cancel", actor: admin, task: task.spec.id, force: false });
	expect(lists()).toEqual([]);
	const [whole] = onDisk(records(scene.fleet)).filter(({ kind }) => kind === "task");
	expect(whole!.value).toMatchObject({ asks: [{}], attempts: [{}], placements: [{}] });
});

test("such a change is added to what came before it, whole records of older builds included, and is nothing without that", () => {
	const scene = new Scene();
	const task = scene.submit();
	const both = onDisk(takeChanges(scene.fleet)).filter(({ id }) => id === task.spec.id);
	const [spec, whole] = both as [RecordChange, RecordChange];
	const { asks: _asks, attempts: _attempts, placements: _placements, ...rest } = whole.value as object & Record<string, unknown>;
	const part: RecordChange = { ...whole, value: { ...rest, message: "later" } };
	const older: RecordChange = { ...whole, version: 1 };
	for (const order of [
		[spec, older, part],
		[older, part, spec],
	]) {
		const again = new Scene();
		restore(again.fleet, order);
		expect(again.task(task.spec.id)).toMatchObject({ asks: [{ submitter: "ann" }], message: "later" });
	}
	expect(() => restore(new Scene().fleet, [spec, part])).toThrow("the first record of a task is whole");
});

test("a record of a newer build, or of an unknown kind, is refused by name", () => {
	const { fleet } = new Scene();
	expect(() => restore(fleet, [{ kind: "task", id: "t_1", version: 3, value: {} }])).toThrow(
		"the journal holds task t_1 in version 3; this build reads up to 2",
	);
	expect(() => restore(fleet, [{ kind: "service" as "task", id: "x", version: 1, value: {} }])).toThrow(
		"a record of the unknown kind service (x)",
	);
});

test("a clock that went back while the coordinator was away makes nobody wait for it", () => {
	const scene = new Scene();
	scene.connect("mine");
	scene.submit();
	const task = scene.submit({ prefer: { machine: "mine" } });
	const again = restarted(scene);
	again.now = scene.now - 900_000;
	resume(again.fleet, again.now);
	expect(again.task(task.spec.id).pendingSince).toBe(again.now);
});

test("a clock that went ahead while the coordinator was away shortens no wait for a revoked worker", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.ask({ type: "worker.revoke", actor: admin, worker: "box" });
	const again = restarted(scene);
	again.now = scene.now + 900_000;
	resume(again.fleet, again.now);
	expect(again.task(task.spec.id).waitUntil).toBe(again.now + limits.leaseTtlMs + limits.leaseMarginMs);
	expect(takeChanges(again.fleet).map(({ id }) => id)).toContain(task.spec.id);
});

test("a clock that goes back while the coordinator runs stands still until the world catches up", () => {
	const scene = new Scene();
	const one = scene.submit();
	scene.now -= 500;
	const two = scene.submit();
	expect(two.spec.createdAt).toBe(one.spec.createdAt);
	expect(two.order).toBeGreaterThan(one.order);
});

test("of several records of one worker the last one stands", () => {
	const scene = new Scene();
	scene.connect("w1", { slots: 1 });
	const first = onDisk(takeChanges(scene.fleet));
	scene.ask({ type: "worker.drain", actor: admin, worker: "w1", draining: true });
	const again = new Scene();
	restore(again.fleet, [...first, ...onDisk(takeChanges(scene.fleet))]);
	expect(again.fleet.workers.get("w1")?.record.draining).toBe(true);
});

test("work of a revoked worker that a person queues again waits for its lease, also over a restart", () => {
	const scene = new Scene();
	scene.connect("box");
	scene.connect("other");
	const task = scene.submit({ constraints: { machine: "box" }, policies: { onWorkerLost: "needs_human" } });
	const { until } = task.lease!;
	scene.ask({ type: "worker.revoke", actor: admin, worker: "box" });
	expect(task.status).toBe("needs_human");

	const again = restarted(scene);
	again.now = scene.now + 5;
	resume(again.fleet, again.now);
	const later = again.task(task.spec.id);
	const resolve = { type: "task.resolve", actor: admin, task: task.spec.id, to: "pending" } as const;
	again.ask(resolve);
	expect(later.waitUntil).toBe(again.now + limits.leaseTtlMs + limits.leaseMarginMs);

	scene.ask(resolve);
	expect(task.waitUntil).toBe(until + limits.leaseMarginMs);
});

test("after a restart an asker has one full term to say that it is still there", () => {
	const scene = new Scene();
	const { id } = scene.submit({ holdMs: 60_000 }).spec;
	scene.pass(59_000);
	const again = restarted(scene);
	resume(again.fleet, again.now);
	again.pass(59_000);
	expect(again.fleet.tasks.get(id)!.status).toBe("pending");
	again.pass(2000);
	expect(again.fleet.tasks.get(id)!.status).toBe("cancelled");
});

test("an ask that was being taken back when the coordinator went away is not held after it", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit({ holdMs: 60_000 });
	scene.start(task);
	scene.pass(61_000);
	expect(task.cancel).toMatchObject({ reason: "cancelled" });
	const next = restarted(scene);
	resume(next.fleet, next.now);
	expect(next.fleet.tasks.get(task.spec.id)).toMatchObject({ cancel: { reason: "cancelled" } });
	expect(next.fleet.holds.size).toBe(0);
});

test("a clock that went back stretches no backoff; a time that was named stays that time", () => {
	const scene = new Scene();
	scene.connect("box");
	const retried = scene.submit({ policies: { retry: { limit: 3, backoffMs: 5000, backoffMaxMs: 5000 } } });
	scene.start(retried);
	scene.complete(retried, { outcome: "out_of_memory" });
	const named = scene.submit({ notBefore: scene.now + 10_000 });
	const again = restarted(scene);
	again.now -= 3_600_000;
	resume(again.fleet, again.now);
	expect(again.fleet.tasks.get(retried.spec.id)!.waitUntil).toBe(again.now + 5000);
	expect(again.fleet.tasks.get(named.spec.id)!.waitUntil).toBe(scene.now + 10_000);
});
