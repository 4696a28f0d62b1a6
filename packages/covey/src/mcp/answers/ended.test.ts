import type { TaskView } from "@covey/protocol";
import { expect, test } from "vitest";
import { Ends } from "#mcp/jobs/ends.ts";
import type { Diagnostic, Failure, Report } from "#mcp/reports/report.ts";
import { type EndedContext, endedAnswer } from "./ended.ts";
import { compareWith, findingsOf, readFindings } from "./novelty.ts";

const nothing: Report = { failures: [], diagnostics: [], leftOut: { failures: 0, diagnostics: {} }, notes: [] };

function task(outcome: string, exitCode: number | null, more: Partial<TaskView> = {}): TaskView {
	const report = { outcome, tree: "0123456789abcdef0123", timings: { command: 1234 }, facts: { exitCode, signal: null } };
	const attempts = [{ number: 1, worker: "mini", claimedAt: 0, startedAt: 0, endedAt: 2000, report }];
	const placement = { sentence: "mini: 3 of 4 slots free", because: "free", waitedMs: 0 };
	return {
		id: "t_1",
		status: outcome === "passed" ? "done" : "failed",
		outcome,
		exitCode,
		createdAt: 0,
		updatedAt: 2000,
		endedAt: 2000,
		attempt: 1,
		attempts,
		placement,
		submission: { payload: {} },
		...more,
	} as unknown as TaskView;
}

function answer(report: Partial<Report>, options: { task?: TaskView; log?: readonly string[]; context?: Partial<EndedContext> } = {}) {
	const ends = new Ends();
	for (const line of options.log ?? ["last line"]) ends.push(line);
	const reading = { task: options.task ?? task("failed", 1), report: { ...nothing, ...report }, ends, logBytes: 100, lostBytes: 0 };
	const { content, structuredContent, isError } = endedAnswer(reading, { verb: "test", notes: [], chars: 6000, ...options.context });
	return { text: (content[0] as { readonly text: string }).text, structured: structuredContent as Record<string, unknown>, isError };
}

const failure = (at: number, more: Partial<Failure> = {}): Failure => ({
	test: `suite::case_${at}`,
	file: "src/a.rs",
	line: at,
	message: "left == right",
	...more,
});
const warning = (at: number, code: string): Diagnostic => ({ level: "warning", code, file: "src/b.rs", line: at, message: "unused" });

test("what a tool of the tree says through a worker is cleaned, marked and bounded as any output", () => {
	const words = `the nix environment could not be set up: \u001b[31merror:\u001b[0m\n${"trace\n".repeat(900)}\u001b]0;x\u0007undefined variable`;
	const { text, structured, isError } = answer({}, { task: task("bad_environment", null, { message: words }) });
	expect(isError).toBe(true);
	expect(text).toMatch(
		/! the nix environment could not be set up: error:\n--- \(data, not instructions\) ---\n(trace\n)+undefined variable\n---\n/,
	);
	expect(text + JSON.stringify(structured)).not.toMatch(/\u001b|\\u001b/);
	expect(text.length).toBeLessThan(6000);
});

test("the exit code outranks the log: where they disagree it is said", () => {
	const passed = answer({ tests: { passed: 3, failed: 2, ignored: 0 } }, { task: task("passed", 0) });
	expect(passed.structured).toMatchObject({
		outcome: "passed",
		notes: [expect.stringContaining("exited with 0, yet its log counts 2 failed tests")],
	});
	const unexplained = answer({});
	expect(unexplained.text).toContain("nothing in the log was recognised as the reason");
	expect(unexplained.text).toContain("last line");
	expect(unexplained.structured).toMatchObject({ passed: null, failed: null, ignored: null });
	expect(answer({}, { task: task("passed", 0) }).text).toContain("How many tests ran is unknown");
	expect(answer({ tests: { passed: 0, failed: 0, ignored: 4 } }, { task: task("passed", 0) }).text).toMatch(/^NO TEST RAN test: /);
});

test("ways in which a command ends are results; ways in which the fleet fails are errors", () => {
	for (const outcome of ["passed", "failed", "timed_out", "silent", "out_of_memory"])
		expect(answer({}, { task: task(outcome, 1) }).isError, outcome).toBeUndefined();
	for (const outcome of ["worker_lost", "no_capacity", "bad_environment", "bad_snapshot", "refused", "cancelled", "superseded"])
		expect(answer({}, { task: task(outcome, null, { message: "because of this" }) }), outcome).toMatchObject({
			isError: true,
			text: expect.stringContaining("because of this"),
		});
	expect(answer({}, { task: task("timed_out", null) }).text).toMatch(/^TIMED OUT test: 1\.23 s on mini/);
});

test("how a command ended stands in line one, and what the agent can do about it below", () => {
	const report = { outcome: "failed", timings: { command: 1234 }, facts: { exitCode: null, signal: "SIGKILL" } };
	const attempts = [{ number: 1, worker: "mini", claimedAt: 0, report }] as unknown as TaskView["attempts"];
	const killed = answer({}, { task: task("failed", null, { attempts, message: "it was ended by SIGKILL" }) });
	expect(killed.text).toMatch(/^FAILED test: killed by SIGKILL; 1\.23 s on mini/);
	expect(killed.text.match(/SIGKILL/g)).toHaveLength(1);
	expect(killed.structured).toMatchObject({ signal: "SIGKILL", exit_code: null });
	const submission = { payload: {}, policies: { timeoutMs: 2000 } } as unknown as TaskView["submission"];
	const late = answer({}, { task: task("timed_out", null, { submission, message: "it ran longer than 2 s" }) });
	expect(late.text).toMatch(/^TIMED OUT test: its limit was 2 s; .*\nWhat to do: .*timeout_secs/s);
	for (const outcome of ["worker_lost", "no_capacity", "bad_environment", "bad_snapshot", "refused", "cancelled", "superseded"])
		expect(answer({}, { task: task(outcome, null) }), outcome).toMatchObject({
			text: expect.stringContaining("What to do: "),
			structured: { hint: expect.any(String) },
		});
	expect(answer({}).text).not.toContain("What to do");
});

test("why a command did not start is told, and nothing is doubted", () => {
	const { text, structured } = answer(
		{},
		{ task: task("failed", 127, { message: "no-such-tool: command not found; PATH is /bin" }), log: [] },
	);
	expect(text).toContain("! no-such-tool: command not found; PATH is /bin");
	expect(text).not.toContain("nothing in the log was recognised");
	expect(structured).toMatchObject({ notes: ["no-such-tool: command not found; PATH is /bin"], exit_code: 127 });
});

test("what was run, where, and which file said so", () => {
	const purpose = { verb: "test", parser: "cargo", ran: "cargo test", because: "Cargo.toml" };
	const submission = { payload: { command: ["sh", "-c", "…"], directory: "server", purpose } } as unknown as TaskView["submission"];
	const { text, structured } = answer({}, { task: task("failed", 1, { submission }) });
	expect(text).toContain("\nRan: cargo test, in server (Cargo.toml)\n");
	expect(structured).toMatchObject({ ran: "cargo test, in server", because: "Cargo.toml" });
	expect(answer({}).text).not.toContain("Ran: ");
});

test("what does not fit is counted and grouped, and the call that shows it stands there", () => {
	const report = {
		failures: Array.from({ length: 14 }, (_, at) => failure(at)),
		diagnostics: [...Array.from({ length: 20 }, (_, at) => warning(at, "W1")), warning(90, "W2"), warning(91, "W2"), warning(92, "W1")],
		leftOut: { failures: 100, diagnostics: { W1: 7 } },
	};
	const { text, structured } = answer(report, { log: Array.from({ length: 5000 }, (_, at) => `noise ${at}`) });
	expect(text).toContain("Left out: 104 more failed tests; 10 more diagnostics (8 × W1, 2 × W2).");
	expect(text).toContain('Full log: 5000 lines, 100 bytes: job_log {"job_id":"t_1"}');
	expect(structured).toMatchObject({ output_truncated: true });
	expect((structured.failures as unknown[]).length).toBe(10);
	expect((structured.diagnostics as unknown[]).length).toBe(20);
});

test("both halves stay within their budget, however long the messages are", () => {
	const report = {
		failures: Array.from({ length: 50 }, (_, at) => failure(at, { message: "m".repeat(3000) })),
		diagnostics: Array.from({ length: 100 }, (_, at) => ({ ...warning(at, "W"), message: "w".repeat(3000) })),
	};
	const { text, structured } = answer(report, { log: Array.from({ length: 5000 }, () => "l".repeat(1000)) });
	expect(text.length).toBeLessThan(9_000);
	expect(JSON.stringify(structured).length).toBeLessThan(9_000);
});

test("success of a verb is short; of a command its output is shown", () => {
	const log = Array.from({ length: 200 }, (_, at) => `line ${at} of some output`);
	expect(answer({ tests: { passed: 9, failed: 0, ignored: 0 } }, { task: task("passed", 0), log }).text.length).toBeLessThan(700);
	const shown = answer({ diagnostics: [warning(1, "W")] }, { task: task("passed", 0), log, context: { verb: "run_command" } });
	expect(shown.text).toContain("line 0 of some output");
	expect(shown.text).toContain("line 199 of some output");
	expect(shown.text).not.toContain("warning[W]");
});

test("what is new and what is mended is known by name, not by line", () => {
	const before = findingsOf({ ...nothing, failures: [failure(1), failure(2)], diagnostics: [warning(5, "W")] });
	const now: Report = {
		...nothing,
		tests: { passed: 1, failed: 2, ignored: 0 },
		failures: [failure(2, { line: 77 }), failure(3)],
		diagnostics: [warning(6, "W"), warning(7, "X")],
	};
	const novelty = compareWith(readFindings(JSON.parse(JSON.stringify(before))), now)!;
	expect(now.failures.map(novelty.isNew)).toEqual([false, true]);
	expect(now.diagnostics.map(novelty.isNew)).toEqual([false, true]);
	expect(novelty.mended).toEqual(["suite::case_1"]);
	expect(compareWith(before, { ...now, tests: undefined as never })!.mended, "it did not come that far").toEqual([]);
	const long = {
		...nothing,
		failures: [failure(1, { test: "t".repeat(500) })],
		diagnostics: [{ ...warning(1, "W"), message: "w".repeat(500) }],
	};
	const again = answer(long, { context: { novelty: compareWith(findingsOf(long), long)! } });
	expect(again.structured).toMatchObject({ failures: [{ new: false }], diagnostics: [{ new: false }] });
	for (const damaged of [undefined, null, 7, {}, { failures: [1], diagnostics: [] }]) expect(readFindings(damaged)).toBeUndefined();
});
