import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findControlGroups } from "#host/process/control-group.ts";
import type { EndOfAttempt } from "#ports/runner.ts";
import { createExecutor, type ExecuteRequest } from "./execute.ts";

const controlGroups = findControlGroups();
const means = controlGroups === undefined ? [undefined] : [controlGroups, undefined];
let attempts = 0;

function nextAttempt(): string {
	return `t_01arz3ndektsv4rrffq69g5fav.${(process.pid % 1000) * 1000 + ++attempts}`;
}

async function startExecutor(groups = controlGroups, environment: Readonly<Record<string, string | undefined>> = process.env) {
	const stateDirectory = await mkdtemp(join(tmpdir(), "covey-state-"));
	const executor = createExecutor({ worker: "here", stateDirectory, environment, controlGroups: groups });
	const run = async (command: string[], request: Partial<ExecuteRequest> = {}, signal = new AbortController().signal) => {
		const chunks: Buffer[] = [];
		const execution = await executor.execute(
			{ attemptKey: nextAttempt(), command, cwd: tmpdir(), environment: {}, graceMs: 2000, limits: {}, ...request },
			(_stream, data) => void chunks.push(data),
			signal,
		);
		return { ...execution, text: Buffer.concat(chunks).toString() };
	};
	return { stateDirectory, run, [Symbol.asyncDispose]: () => rm(stateDirectory, { recursive: true, force: true }) };
}

function endOfAttempt(reason: EndOfAttempt["reason"], graceMs = 2000): EndOfAttempt {
	return Object.assign(new Error(reason), { reason, graceMs });
}

test("a command that exits with 0 has passed, one with another code has failed", async () => {
	await using executor = await startExecutor();
	expect(await executor.run(["true"])).toMatchObject({ outcome: "passed", facts: { exitCode: 0, leftovers: 0 } });
	expect(await executor.run(["sh", "-c", "exit 7"])).toMatchObject({ outcome: "failed", facts: { exitCode: 7 } });
	expect(await readdir(join(executor.stateDirectory, "running"))).toEqual([]);
});

test.each(means)("a cancelled attempt ends as what its reason says", async (groups) => {
	await using executor = await startExecutor(groups);
	for (const reason of ["cancelled", "superseded", "worker_lost"] as const) {
		const execution = await executor.run(["sleep", "1000"], {}, AbortSignal.abort(endOfAttempt(reason)));
		expect(execution).toMatchObject({ outcome: reason, facts: { signal: "SIGTERM", cancelled: true, forceKilled: false } });
	}
});
