import { expect, test } from "vitest";
import { wireLimits } from "./limits.ts";
import { V2FromWorker, V2ToWorker } from "./link-v2.ts";

const task = "t_01jd0000000000000000000000";
const attempt = { task, attempt: 1 };
const sync = { type: "sync", sequence: 1, assigned: 0, attempts: [] };

test("Unknown fields are ignored at every depth", () => {
	const parsed = V2FromWorker.parse({ ...sync, mood: "fine", attempts: [{ ...attempt, state: "running", heat: 3 }] });
	expect(parsed).toEqual({ ...sync, attempts: [{ ...attempt, state: "running" }] });
});

test("A batch holds messages and no batch", () => {
	const pong = { type: "pong" };
	expect(V2FromWorker.parse({ type: "batch", messages: [pong, sync] })).toEqual({ type: "batch", messages: [pong, sync] });
	expect(V2FromWorker.safeParse({ type: "batch", messages: [{ type: "batch", messages: [] }] }).success).toBe(false);
});

const many = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const report = { outcome: "passed" };
const artifact = { path: "a", digest: "0".repeat(64), bytes: 1, kind: "file" };
const atLimit: readonly (readonly [string, (over: number) => object])[] = [
	["messages of a batch", (over) => ({ type: "batch", messages: many(wireLimits.batchMax + over, { type: "pong" }) })],
	["attempts of a sync", (over) => ({ ...sync, attempts: many(wireLimits.syncAttemptsMax + over, { ...attempt, state: "running" }) })],
	["text of a decline", (over) => ({ type: "decline", ...attempt, message: "x".repeat(wireLimits.messageTextMax + over) })],
	[
		"artifacts of a report",
		(over) => ({ type: "complete", ...attempt, report: { ...report, artifacts: many(wireLimits.artifactsMax + over, artifact) } }),
	],
	["an attempt's number", (over) => ({ type: "started", task, attempt: 1_000_000 + over })],
	[
		"slots of an offer",
		(over) => ({ type: "offer", offer: { slots: wireLimits.slotsMax + over, os: "linux", arch: "x64", version: "1" } }),
	],
	[
		"warm repositories",
		(over) => ({
			type: "offer",
			offer: { slots: 1, os: "linux", arch: "x64", version: "1", warm: many(wireLimits.warmRepositoriesMax + over, "a".repeat(32)) },
		}),
	],
];

test.each(atLimit)("The limit on %s is enforced on decode, and not one earlier", (_, message) => {
	expect(V2FromWorker.safeParse(message(0)).success).toBe(true);
	expect(V2FromWorker.safeParse(message(1)).success).toBe(false);
});

const illFormed = [
	{ title: "a foreign task id", message: { type: "started", task: "../../etc", attempt: 1 } },
	{
		title: "an artifact outside the worktree",
		message: { type: "complete", ...attempt, report: { ...report, artifacts: [{ ...artifact, path: "../x" }] } },
	},
	{
		title: "an artifact by an absolute path",
		message: { type: "complete", ...attempt, report: { ...report, artifacts: [{ ...artifact, path: "/x" }] } },
	},
	{ title: "an unknown outcome", message: { type: "complete", ...attempt, report: { outcome: "great" } } },
	{ title: "pressure over one", message: { ...sync, pressure: { cpu: 2, io: 0, memory: 0, admits: true } } },
	{ title: "a key that is no base64", message: { type: "renew", signature: "<script>" } },
];

test.each(illFormed)("$title is refused", ({ message }) => {
	expect(V2FromWorker.safeParse(message).success).toBe(false);
});

test("A channel is never 0, and a refusal carries a code of the error table", () => {
	const resume = (channel: number) => ({ type: "synced", sequence: 1, end: [], settled: [], resume: [{ ...attempt, channel, offset: 0 }] });
	expect(V2ToWorker.safeParse(resume(1)).success).toBe(true);
	expect(V2ToWorker.safeParse(resume(0)).success).toBe(false);
	expect(V2ToWorker.safeParse({ type: "refusal", error: { code: "no_such_code", message: "" } }).success).toBe(false);
});
