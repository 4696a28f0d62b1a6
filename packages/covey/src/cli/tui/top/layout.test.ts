import type { TaskView, WorkerView } from "@covey/protocol";
import { expect, test } from "vitest";
import { layOut } from "./layout.ts";
import { changedLines } from "./plain.ts";
import type { View } from "./view.ts";
import { lastLineOf } from "./watch.ts";

const now = Date.parse("2026-11-21T12:00:00Z");

function worker(name: string, more: Partial<WorkerView> = {}): WorkerView {
	const offer = { slots: 4, capabilities: ["run"], tags: {}, os: "linux", arch: "x64", isolation: 0, version: "1", warm: [] };
	const pressure = { cpu: 0.5, io: 0, memory: 0.03, admits: true };
	return {
		name,
		status: "connected",
		embedded: false,
		protocol: 2,
		draining: false,
		revoked: false,
		namespaces: [],
		offer,
		pressure,
		slotsUsed: 1,
		attempts: [],
		enrolledAt: 0,
		...more,
	};
}

function task(id: string, more: Partial<TaskView> = {}): TaskView {
	return {
		id,
		title: `make ${id}`,
		status: "pending",
		submitter: "anna",
		priority: 0,
		createdAt: now - 5000,
		attempts: [],
		asks: [],
		cancelRequested: false,
		...more,
	} as TaskView;
}

const started = (id: string) =>
	task(id, { status: "in_progress", attempts: [{ number: 1, worker: "mini", claimedAt: now - 4000, startedAt: now - 3000 }] });
const many = <T>(count: number, make: (id: string) => T): T[] => Array.from({ length: count }, (_, at) => make(`t_${at}`));

function view(more: Partial<View> = {}): View {
	const status = {
		coordinator: "vm",
		state: "ready",
		workers: { connected: 2 },
		slots: { total: 8, used: 3 },
		tasks: { pending: 5, needs_human: 0 },
	} as View["status"];
	return {
		now,
		status,
		workers: [worker("mini"), worker("cores", { draining: true })],
		running: [],
		queue: [],
		recent: [],
		lastLines: new Map(),
		...more,
	};
}

const textOf = (lines: ReturnType<typeof layOut>) => lines.map(({ pieces }) => pieces.map(({ text }) => text).join(""));

test.each([
	{ width: 80, height: 24 },
	{ width: 40, height: 12 },
	{ width: 200, height: 60 },
])("however much there is, it fits $width by $height, and what is left out is counted", (size) => {
	const busy = view({
		workers: many(30, (id) => worker(`worker-${id}-with-a-very-long-name`)),
		running: many(40, started),
		queue: many(70, (id) => task(id, { title: "a very long title \x1b[31m with \u202e controls 漢字".repeat(9) })),
		recent: many(90, (id) => task(id, { status: "done", outcome: "passed", endedAt: now - 60_000 })),
		lastLines: new Map([["t_0", "x".repeat(500)]]),
	});
	const lines = textOf(layOut(busy, size));
	expect(lines.length).toBeLessThanOrEqual(size.height - 1);
	for (const line of lines) expect([...line].length, line).toBeLessThanOrEqual(size.width);
	expect(lines.join("\n")).not.toMatch(/\x1b|\u202e/);
	const shown = (title: string) => lines.findIndex((line) => line.startsWith(title));
	expect(shown("RUNNING") - shown("WORKERS") - 1 + Number(/(\d+) more/.exec(lines[shown("WORKERS")]!)?.[1] ?? 0)).toBe(30);
	expect(shown("WAITING") - shown("RUNNING") - 1 + Number(/(\d+) more/.exec(lines[shown("RUNNING")]!)?.[1] ?? 0)).toBe(40);
});

test("a line says what matters: where, how long, the last line, how it ended", () => {
	const recent = [
		task("t_3", {
			status: "failed",
			outcome: "failed",
			endedAt: now - 120_000,
			attempts: [{ number: 1, worker: "mini", claimedAt: 0, report: { timings: { command: 1500 } } as never }],
		}),
	];
	const lines = textOf(
		layOut(
			view({ running: [started("t_1")], queue: [task("t_2", { priority: 5 })], recent, lastLines: new Map([["t_1", "Compiling foo"]]) }),
			{ width: 100, height: 24 },
		),
	);
	expect(lines[0]).toMatch(/^vm {2}ready {2}2 workers {2}2\/8 slots {2}5 waiting/);
	expect(lines[2]).toMatch(/mini +1\/4 +\[#\.\.\.\] +cpu 50% {2}io {2}0% {2}mem {2}3% +ready/);
	expect(lines[3]).toMatch(/cores .*draining/);
	expect(lines.find((line) => line.includes("make t_1"))).toMatch(/make t_1 +mini +3\.0 s {2}Compiling foo/);
	expect(lines.find((line) => line.includes("make t_2"))).toMatch(/anna +5\.0 s {2}priority 5/);
	expect(lines.find((line) => line.includes("make t_3"))).toMatch(/mini +1\.5 s {2}failed {2}2 m 00 s ago/);
});

test("the selected line is marked, and no other", () => {
	const lines = layOut(view({ running: [started("t_1"), started("t_2")] }), { width: 80, height: 24 }, { kind: "task", id: "t_2" });
	expect(textOf(lines.filter(({ selected }) => selected))).toEqual([expect.stringContaining("make t_2")]);
});

test("lines tell what changed, once", () => {
	const before = view({ queue: [task("t_1")] });
	const after = view({ running: [started("t_1")], workers: [worker("mini", { slotsUsed: 2 })] });
	expect(changedLines(undefined, before)).toEqual([
		"2026-11-21T12:00:00.000Z worker mini connected 1/4",
		"2026-11-21T12:00:00.000Z worker cores draining 1/4",
		'2026-11-21T12:00:00.000Z t_1 pending "make t_1"',
	]);
	expect(changedLines(before, after)).toEqual([
		"2026-11-21T12:00:00.000Z worker mini connected 2/4",
		"2026-11-21T12:00:00.000Z worker cores gone",
		'2026-11-21T12:00:00.000Z t_1 in_progress on mini "make t_1"',
	]);
	expect(changedLines(after, after)).toEqual([]);
});

test("the last line is the one that stands: of a progress bar its last state", () => {
	expect(lastLineOf("one\ntwo\n\n")).toBe("two");
	expect(lastLineOf("one\n10%\r50%\r")).toBe("50%");
	expect(lastLineOf("")).toBe("");
});
