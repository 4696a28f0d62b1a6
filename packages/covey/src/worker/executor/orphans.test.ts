import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, expect, test } from "vitest";
import { findControlGroups } from "#host/process/control-group.ts";
import { findTree } from "#host/process/table.ts";
import { attemptMark } from "./environment.ts";
import { sweepOrphans } from "./orphans.ts";
import { writeRecord } from "./record.ts";

const scratch = await mkdtemp(join(tmpdir(), "covey-orphans-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** A worker that runs one attempt and prints what the job prints. */
const worker = `
	import { findControlGroups } from ${JSON.stringify(import.meta.resolve("#host/process/control-group.ts"))};
	import { createExecutor } from ${JSON.stringify(import.meta.resolve("./execute.ts"))};
	const [stateDirectory, attemptKey, groups] = process.argv.slice(1);
	const controlGroups = groups === "yes" ? findControlGroups() : undefined;
	const executor = createExecutor({ worker: "here", stateDirectory, environment: process.env, controlGroups });
	const script = "setsid sh -c 'echo $TMPDIR; exec sleep 1000' & sleep 1000";
	const request = { attemptKey, command: ["sh", "-c", script], cwd: "/", environment: {}, graceMs: 1000, limits: {} };
	await executor.execute(request, (stream, data) => void process.stdout.write(data), new AbortController().signal);
`;

test.each(findControlGroups() === undefined ? ["no"] : ["yes", "no"])(
	"what a killed worker left is gone after the next start (control group: %s)",
	async (groups) => {
		const stateDirectory = await mkdtemp(join(scratch, "state-"));
		const attempt = `t_01arz3ndektsv4rrffq69g5fav.${process.pid}${groups.length}`;
		const orphans = () => findTree({ group: undefined, environment: attemptMark(attempt) });
		const child = spawn(process.execPath, ["--input-type=module", "-e", worker, stateDirectory, attempt, groups], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		const exit = once(child, "exit");
		let temporaryDirectory = "";
		for await (const line of createInterface({ input: child.stdout })) {
			temporaryDirectory = line;
			child.kill("SIGKILL");
		}
		await exit;
		expect(orphans().length).toBeGreaterThanOrEqual(2);
		expect(existsSync(temporaryDirectory)).toBe(true);

		const swept = await sweepOrphans(stateDirectory);
		expect(swept).toMatchObject([{ attempt, survivors: [] }]);
		expect(swept[0]?.killed).toBeGreaterThanOrEqual(2);
		expect(orphans()).toEqual([]);
		expect(existsSync(temporaryDirectory)).toBe(false);
		expect(await sweepOrphans(stateDirectory)).toEqual([]);
	},
);

test("a process that only has the number of a recorded one is left alone", async () => {
	const stateDirectory = await mkdtemp(join(scratch, "state-"));
	const stranger = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
	await once(stranger, "spawn");
	const pid = stranger.pid as number;
	writeRecord(stateDirectory, {
		attempt: "t.1",
		owner: 1,
		mark: "COVEY_ATTEMPT=t.1",
		temporaryDirectory: join(scratch, "none"),
		process: { pid, startedAt: 1 },
	});
	expect(await sweepOrphans(stateDirectory)).toEqual([{ attempt: "t.1", killed: 0, survivors: [] }]);
	expect(stranger.kill("SIGKILL")).toBe(true);
	expect((await once(stranger, "exit"))[1]).toBe("SIGKILL");
});

test("asked for one dead instance, it leaves the others' attempts alone", async () => {
	const stateDirectory = await mkdtemp(join(scratch, "state-"));
	for (const owner of [101, 102]) {
		const temporaryDirectory = join(scratch, `none-${owner}`);
		writeRecord(stateDirectory, { attempt: `t.${owner}`, owner, mark: `COVEY_ATTEMPT=t.${owner}`, temporaryDirectory });
	}
	expect(await sweepOrphans(stateDirectory, 101)).toMatchObject([{ attempt: "t.101" }]);
	expect(await sweepOrphans(stateDirectory)).toMatchObject([{ attempt: "t.102" }]);
});

test("a torn record and a missing directory are no obstacle", async () => {
	const stateDirectory = await mkdtemp(join(scratch, "state-"));
	expect(await sweepOrphans(stateDirectory)).toEqual([]);
	await mkdir(join(stateDirectory, "running"));
	await writeFile(join(stateDirectory, "running", "t.1.json"), '{"attempt":');
	expect(await sweepOrphans(stateDirectory)).toEqual([]);
	expect(await readdir(join(stateDirectory, "running"))).toEqual(["t.1.json"]);
});
