import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findTree } from "#host/process/table.ts";
import { attemptMark } from "./environment.ts";
import { createExecutor } from "./execute.ts";

test("a command is not let go of when the disk is full by the time it has started", async () => {
	const stateDirectory = await mkdtemp(join(tmpdir(), "covey-record-"));
	await using stack = new AsyncDisposableStack();
	stack.defer(() => rm(stateDirectory, { recursive: true, force: true }));
	const attemptKey = `t_01arz3ndektsv4rrffq69g5fav.${process.pid}`;
	await using executor = createExecutor({
		// Asked for between the first record and the second, which finds its place taken.
		get worker() {
			mkdirSync(join(stateDirectory, "running", `${attemptKey}.json.new`));
			return "here";
		},
		stateDirectory,
		environment: process.env,
		controlGroups: undefined,
	});
	const command = ["sh", "-c", "read line < /dev/null; echo done"];
	const said: Buffer[] = [];
	const sink = (_: string, data: Uint8Array) => void said.push(Buffer.from(data));
	const request = { attemptKey, command, cwd: stateDirectory, environment: {}, graceMs: 5000, limits: {} };
	const { outcome } = await executor.execute(request, sink, new AbortController().signal);
	expect({ outcome, said: Buffer.concat(said).toString() }).toEqual({ outcome: "passed", said: "done\n" });
	expect(findTree({ group: undefined, environment: attemptMark(attemptKey) })).toEqual([]);
});
