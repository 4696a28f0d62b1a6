import type { FinalRecord } from "@covey/client";
import { errorTable, type Outcome, outcomes } from "@covey/protocol";
import { expect, test } from "vitest";
import { exitCodeOfRecord, exitCodes } from "./exit-code.ts";
import { exitCodeMeanings } from "./exit-code-table.ts";

const record = (fields: Partial<FinalRecord>): FinalRecord =>
	({ outcome: "failed", exitCode: null, signal: null, ...fields }) as FinalRecord;

test("a command that ended by itself gives its own code, and one ended by a signal what a shell would say", () => {
	expect(exitCodeOfRecord(record({ outcome: "passed", exitCode: 0 }))).toBe(0);
	expect(exitCodeOfRecord(record({ exitCode: 42 }))).toBe(42);
	expect(exitCodeOfRecord(record({ signal: "SIGSEGV" }))).toBe(139);
	expect(exitCodeOfRecord(record({}))).toBe(1);
	expect(exitCodeOfRecord(record({ outcome: null }))).toBe(70);
});

test("every other outcome has a code of its own that no success can have", () => {
	for (const outcome of Object.keys(outcomes) as Outcome[]) {
		if (outcome === "passed") continue;
		// Whatever the command said when it was ended, the outcome is what counts.
		const code = exitCodeOfRecord(record({ outcome, exitCode: outcome === "failed" ? 1 : 0 }));
		expect(code, outcome).toBeGreaterThan(0);
	}
	expect(exitCodeOfRecord(record({ outcome: "timed_out", exitCode: 0 }))).toBe(124);
	expect(exitCodeOfRecord(record({ outcome: "cancelled" }))).toBe(130);
	expect(exitCodeOfRecord(record({ outcome: "no_capacity" }))).toBe(7);
	expect(exitCodeOfRecord(record({ outcome: "refused" }))).toBe(9);
});

test("the documented codes are the ones in use, each once and in order", () => {
	const ofTheShell = [126, 127];
	const used = new Set<number>([
		...Object.values(exitCodes),
		...Object.values(errorTable).map(({ exit }) => exit),
		...Object.values(outcomes).flatMap(({ exitCode = [] }) => exitCode),
		...ofTheShell,
	]);
	const documented = exitCodeMeanings.flatMap(([code]) => (typeof code === "number" ? [code] : []));
	expect(documented).toEqual([...used].sort((a, b) => a - b));
});
