import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { findControlGroups } from "#host/process/control-group.ts";
import { probeIsolation } from "#host/process/isolation.ts";
import { findTree } from "#host/process/table.ts";
import type { EndOfAttempt } from "#ports/runner.ts";
import { attemptMark } from "./environment.ts";
import { createExecutor, type ExecuteRequest } from "./execute.ts";
import { sweepOrphans } from "./orphans.ts";
import { readRecords } from "./record.ts";

/** Both ways to hold a tree: with a control group where this machine has them, and without one always. */
const found = findControlGroups();
const means = [
	...(found === undefined ? [] : [{ held: "by a control group", controlGroups: found }]),
	{ held: "by group and mark", controlGroups: undefined },
];

const scratch = await mkdtemp(join(tmpdir(), "covey-execute-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));
const executors = new AsyncDisposableStack();
afterAll(() => executors.disposeAsync());
let attempts = 0;

/** Runs commands, and looks after each for anything that still carries its mark. */
async function startExecutor(options: { controlGroups?: typeof found; environment?: Record<string, string> } = {}) {
	const stateDirectory = await mkdtemp(join(scratch, "state-"));
	const controlGroups = "controlGroups" in options ? options.controlGroups : found;
	const environment = options.environment ?? process.env;
	const executor = createExecutor({
		worker: "here",
		stateDirectory,
		environment,
		controlGroups,
		isolation,
		spares: 2,
		hidden: [stateDirectory],
	});
	executors.use(executor);
	return {
		stateDirectory,
		async run(command: string[], request: Partial<ExecuteRequest> & { signal?: AbortSignal; saw?: (text: string) => void } = {}) {
			const attemptKey = `t_01arz3ndektsv4rrffq69g5fav.${(process.pid % 1000) * 1000 + ++attempts}`;
			const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
			const { signal = new AbortController().signal, saw, ...rest } = request;
			const execution = await executor.execute(
				{ attemptKey, command, cwd: scratch, environment: {}, graceMs: 5000, limits: {}, ...rest },
				(stream, data) => {
					output[stream].push(data);
					saw?.(data.toString());
				},
				signal,
			);
			const left = findTree({ group: undefined, environment: attemptMark(attemptKey) });
			return { ...execution, left, stdout: Buffer.concat(output.stdout), stderr: Buffer.concat(output.stderr) };
		},
	};
}

function endOfAttempt(reason: EndOfAttempt["reason"], graceMs = 5000, hurry = new AbortController().signal): EndOfAttempt {
	return Object.assign(new Error(reason), { reason, graceMs, hurry });
}

/** Cancels once the command has written `word`: then it is known to be where the test wants it. */
function cancelAt(word: string, graceMs = 5000) {
	const controller = new AbortController();
	let text = "";
	return {
		signal: controller.signal,
		saw(seen: string) {
			text += seen;
			if (text.includes(word)) controller.abort(endOfAttempt("cancelled", graceMs));
		},
	};
}

describe.each(means)("a tree held $held", ({ controlGroups }) => {
	test("that ends by itself has passed or failed, and leaves no record", async () => {
		const executor = await startExecutor({ controlGroups });
		expect(await executor.run(["true"])).toMatchObject({ outcome: "passed", facts: { exitCode: 0, leftovers: 0 }, left: [] });
		expect(await executor.run(["sh", "-c", "exit 7"])).toMatchObject({ outcome: "failed", facts: { exitCode: 7, signal: null } });
		expect(await readdir(join(executor.stateDirectory, "running"))).toEqual([]);
	});

	test("ends as what the reason says, on TERM", async () => {
		const executor = await startExecutor({ controlGroups });
		for (const reason of ["cancelled", "superseded", "worker_lost"] as const) {
			const execution = await executor.run(["sleep", "1000"], { signal: AbortSignal.abort(endOfAttempt(reason)) });
			expect(execution).toMatchObject({ outcome: reason, facts: { signal: "SIGTERM", cancelled: true, forceKilled: false }, left: [] });
		}
	});

	test("is cancelled together with grandchildren that left its session, ignore hang-ups or were forked twice", async () => {
		const executor = await startExecutor({ controlGroups });
		const script = `
			setsid sh -c 'echo one; exec sleep 1000' &
			nohup sh -c 'echo two; exec sleep 1000' &
			( ( setsid sh -c 'trap "" TERM HUP; echo three; while :; do sleep 1000; done' & ) & )
			while :; do sleep 1000; done`;
		const seen = new Set<string>();
		const controller = new AbortController();
		const saw = (text: string) => {
			for (const word of text.match(/one|two|three/g) ?? []) seen.add(word);
			if (seen.size === 3) controller.abort(endOfAttempt("cancelled", 100));
		};
		const execution = await executor.run(["sh", "-c", script], { signal: controller.signal, saw });
		expect(execution).toMatchObject({ outcome: "cancelled", left: [] });
		expect(execution.facts?.leftovers).toBeGreaterThan(0);
	});

	test("that ignores TERM is killed when the grace is over", async () => {
		const executor = await startExecutor({ controlGroups });
		const script = 'trap "" TERM; echo armed; while :; do sleep 0.05; done';
		const execution = await executor.run(["sh", "-c", script], cancelAt("armed", 50));
		expect(execution).toMatchObject({ outcome: "cancelled", facts: { signal: "SIGKILL", forceKilled: true }, left: [] });
	});

	test("loses its grace when it is told to hurry", async () => {
		const executor = await startExecutor({ controlGroups });
		const controller = new AbortController();
		const hurry = new AbortController();
		const saw = (text: string) => {
			if (text.includes("armed")) controller.abort(endOfAttempt("cancelled", 3_000_000, hurry.signal));
			if (text.includes("ignored")) hurry.abort();
		};
		const script = 'trap "echo ignored" TERM; echo armed; while :; do sleep 0.02; done';
		const execution = await executor.run(["sh", "-c", script], { signal: controller.signal, saw });
		expect(execution).toMatchObject({ outcome: "cancelled", facts: { forceKilled: true }, left: [] });
	});

	test("may use its grace to clean up, and what it says then is kept", async () => {
		const executor = await startExecutor({ controlGroups });
		const script = `trap 'echo cleaned; exit 0' TERM; echo armed; while :; do sleep 0.02; done`;
		const execution = await executor.run(["sh", "-c", script], cancelAt("armed", 30_000));
		expect(execution).toMatchObject({ outcome: "cancelled", facts: { exitCode: 0, forceKilled: false } });
		expect(execution.stdout.toString()).toBe("armed\ncleaned\n");
	});

	test("does not hold its result by a grandchild that holds the pipe", async () => {
		const executor = await startExecutor({ controlGroups });
		const execution = await executor.run(["sh", "-c", "setsid sleep 1000 & echo done"]);
		expect(execution).toMatchObject({ outcome: "passed", facts: { exitCode: 0, leftovers: 1 }, left: [] });
		expect(execution.stdout.toString()).toBe("done\n");
		expect(execution.facts?.durationMs).toBeLessThan(500_000);
	});

	test("of a hundred processes is gone as a whole", async () => {
		const executor = await startExecutor({ controlGroups });
		const script = 'for i in $(seq 100); do sleep 1000 & done; trap "" TERM; echo armed; while :; do sleep 1000; done';
		expect(await executor.run(["sh", "-c", script], cancelAt("armed", 0))).toMatchObject({ outcome: "cancelled", left: [] });
	});

	test("that has more processes than it may is ended and says so", async () => {
		const executor = await startExecutor({ controlGroups });
		const script = "for i in $(seq 30); do sleep 1000 & done; wait";
		const execution = await executor.run(["sh", "-c", script], { limits: { processes: 20 } });
		expect(execution).toMatchObject({ outcome: "failed", left: [] });
		expect(execution.message).toContain("20 processes");
	});

	test("that uses more memory than it may has run out of memory, and no retry is needed to see why", async () => {
		const executor = await startExecutor({ controlGroups });
		const script = "const held = []; setInterval(() => held.push(Buffer.alloc(2 ** 24, 1)), 5)";
		const execution = await executor.run([process.execPath, "-e", script], { limits: { memoryBytes: 2 ** 28 } });
		expect(execution).toMatchObject({ outcome: "out_of_memory", left: [] });
		expect(execution.facts?.memoryPeakBytes).toBeGreaterThan(2 ** 25);
	});
});

describe("what ended it is told apart", () => {
	test("a timeout", async () => {
		const executor = await startExecutor();
		const execution = await executor.run(["sh", "-c", "while :; do echo tick; sleep 0.02; done"], {
			timeoutMs: 200,
			silentTimeoutMs: 150_000,
		});
		expect(execution).toMatchObject({
			outcome: "timed_out",
			message: "it ran longer than 0.2 s",
			facts: { timedOut: true, cancelled: false },
		});
	});

	test("silence", async () => {
		const executor = await startExecutor();
		const execution = await executor.run(["sh", "-c", "echo once; sleep 1000"], { timeoutMs: 1_000_000, silentTimeoutMs: 200 });
		expect(execution).toMatchObject({ outcome: "silent", facts: { timedOut: false, cancelled: false } });
		expect(execution.stdout.toString()).toBe("once\n");
	});

	test("a signal of its own", async () => {
		const executor = await startExecutor();
		const execution = await executor.run(["sh", "-c", "kill -SEGV $$"]);
		expect(execution).toMatchObject({
			outcome: "failed",
			message: "it was ended by SIGSEGV",
			facts: { exitCode: null, signal: "SIGSEGV" },
		});
	});

	test("a KILL that nobody here sent, with memory to spare", async () => {
		const executor = await startExecutor();
		expect(await executor.run(["sh", "-c", "kill -KILL $$"])).toMatchObject({
			outcome: "failed",
			facts: { signal: "SIGKILL", forceKilled: false },
		});
	});

	test("output that cannot be kept", async () => {
		const executor = await startExecutor();
		const saw = () => {
			throw new Error("no space left");
		};
		expect(await executor.run(["sh", "-c", "echo x; sleep 1000"], { saw })).toMatchObject({
			outcome: "bad_environment",
			message: "its output could not be kept: no space left",
		});
	});
});

describe("a command that cannot start has failed as in a shell", () => {
	test("not found: 127, with the name and where it was looked for", async () => {
		const executor = await startExecutor({ environment: { PATH: "/nowhere:/usr/bin" } });
		const execution = await executor.run(["cargoo", "build"]);
		expect(execution).toMatchObject({ outcome: "failed", facts: { exitCode: 127 } });
		expect(execution.message).toBe("cargoo: command not found; PATH is /nowhere:/usr/bin");
	});

	test("not executable: 126", async () => {
		const executor = await startExecutor();
		await writeFile(join(scratch, "plain.txt"), "");
		expect(await executor.run(["./plain.txt"])).toMatchObject({ outcome: "failed", facts: { exitCode: 126 } });
	});

	test("no such file: 127", async () => {
		const executor = await startExecutor();
		expect(await executor.run(["./gone"])).toMatchObject({ outcome: "failed", message: `./gone: no such file in ${scratch}` });
	});

	test("a missing directory is named", async () => {
		const executor = await startExecutor();
		expect((await executor.run(["true"], { cwd: "/nowhere" })).message).toBe("the directory /nowhere does not exist");
	});

	test("a script of the worktree is found by its relative path", async () => {
		const executor = await startExecutor();
		await writeFile(join(scratch, "hello"), '#!/bin/sh\necho "$0 $1"\n');
		await chmod(join(scratch, "hello"), 0o755);
		expect((await executor.run(["./hello", "a  b"])).stdout.toString()).toBe("./hello a  b\n");
	});
});

describe("output comes as it was written", () => {
	test("ten megabytes in one line", async () => {
		const executor = await startExecutor();
		const execution = await executor.run(["sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x; echo 'FAILED: 3 tests'"]);
		expect(execution.stdout.length).toBe(10_000_016);
		expect(execution.stdout.subarray(-16).toString()).toBe("FAILED: 3 tests\n");
	});

	test("every byte, on both streams", async () => {
		const executor = await startExecutor();
		const bytes = randomBytes(3_000_001);
		await writeFile(join(scratch, "bytes"), bytes);
		const execution = await executor.run(["sh", "-c", "cat bytes; cat bytes >&2"]);
		expect(execution.stdout.equals(bytes)).toBe(true);
		expect(execution.stderr.equals(bytes)).toBe(true);
		expect(execution.outputBytes).toBe(2 * bytes.length);
	});

	test("also to a program that opens its own output by name", async () => {
		const executor = await startExecutor();
		const execution = await executor.run(["sh", "-c", "echo a > /dev/stdout; echo b | tee /dev/stderr"]);
		expect(execution).toMatchObject({ outcome: "passed" });
		expect(execution.stdout.toString()).toBe("a\nb\n");
		expect(execution.stderr.toString()).toBe("b\n");
	});
});

const isolation = await probeIsolation(found);

describe("isolation", () => {
	test("is reported as it was in force", async () => {
		const executor = await startExecutor();
		expect((await executor.run(["true"])).isolation).toBe(0);
		expect((await executor.run(["true"], { limits: { processes: 100 } })).isolation).toBe(process.platform === "linux" ? 1 : 0);
	});

	test("beyond what the machine can give is refused, and nothing runs", async () => {
		const executor = await startExecutor();
		const execution = await executor.run(["true"], { isolation: 3 });
		expect(execution).toMatchObject({
			outcome: "refused",
			message: `isolation level 3 was asked for; this worker gives ${isolation.level}`,
		});
		expect(execution.facts).toBeUndefined();
	});

	test.skipIf(isolation.level < 2)("at level 2 hides keys, keeps the system as it is, and leaves the worktree to the job", async () => {
		const executor = await startExecutor();
		await writeFile(join(executor.stateDirectory, "key"), "secret");
		const work = await mkdtemp(join(scratch, "work-"));
		const script = `cat ${executor.stateDirectory}/key; touch /etc/covey-was-here; echo built > out && touch "$TMPDIR/x" && cat out`;
		const execution = await executor.run(["sh", "-c", script], { isolation: 2, cwd: work });
		expect(execution).toMatchObject({ outcome: "passed", isolation: 2, left: [] });
		expect(execution.stdout.toString()).toBe("built\n");
		expect(await readFile(join(work, "out"), "utf8")).toBe("built\n");
		expect(existsSync("/etc/covey-was-here")).toBe(false);
	});

	test.skipIf(isolation.level < 2)(
		"at level 2 the job's environment does not reach what makes the sandbox [needs bubblewrap]",
		async () => {
			const executor = await startExecutor();
			const work = await mkdtemp(join(scratch, "work-"));
			await writeFile(join(work, "bwrap"), `#!/bin/sh\ntouch ${executor.stateDirectory}/out\n`, { mode: 0o755 });
			const environment = { PATH: `${work}:.:${process.env.PATH}`, LD_PRELOAD: `${work}/evil.so`, LD_LIBRARY_PATH: work };
			const script =
				'echo "$LD_PRELOAD"; touch /usr/covey-was-here; mount -o remount,rw / && touch /usr/covey-was-here; umount /tmp; echo end';
			const execution = await executor.run(["sh", "-c", script], { isolation: 2, cwd: work, environment });
			expect(execution.stdout.toString()).toBe(`${work}/evil.so\nend\n`);
			// The loader complains of what it cannot load to whoever is being started: to the job alone.
			expect(execution.stderr.toString()).not.toContain("bwrap");
			expect(existsSync(join(executor.stateDirectory, "out"))).toBe(false);
			expect(existsSync("/usr/covey-was-here")).toBe(false);
		},
	);

	test.skipIf(isolation.level < 2)("at level 2 keeps the grace of a cancelled job", async () => {
		const executor = await startExecutor();
		const script = "trap 'echo cleaned; exit 0' TERM; echo armed; while :; do sleep 0.02; done";
		const execution = await executor.run(["sh", "-c", script], { isolation: 2, ...cancelAt("armed", 30_000) });
		expect(execution).toMatchObject({ outcome: "cancelled", left: [] });
		expect(execution.stdout.toString()).toBe("armed\ncleaned\n");
	});
});

test("what could not be killed stays on record, and the next sweep ends it", async () => {
	const executor = await startExecutor({ controlGroups: undefined });
	const kill = process.kill.bind(process);
	// As the kernel does for a process that is another user's: no test can make one without being root.
	const refusing = vi.spyOn(process, "kill").mockImplementation((pid, signal) => {
		if (signal === "SIGKILL") throw Object.assign(new Error("not permitted"), { code: "EPERM" });
		return kill(pid, signal);
	});
	const execution = await executor.run(["sh", "-c", "sleep 300 > /dev/null 2>&1 & echo started"]).finally(() => refusing.mockRestore());
	expect(execution).toMatchObject({ outcome: "failed", message: expect.stringContaining("could not be killed") });
	expect(execution.left).toHaveLength(1);
	expect(readRecords(executor.stateDirectory)).toHaveLength(1);
	expect(await sweepOrphans(executor.stateDirectory)).toMatchObject([{ killed: 1, survivors: [] }]);
	expect(readRecords(executor.stateDirectory)).toEqual([]);
}, 30_000);

describe("the environment of a job", () => {
	test("holds what is allowed and declared, and Covey's marks", async () => {
		const own = {
			PATH: process.env.PATH ?? "",
			HOME: "/home/x",
			LC_ALL: "C",
			NPM_TOKEN: "t",
			NODE_OPTIONS: "--no-warnings",
			GIT_DIR: "/x",
			LD_PRELOAD: "",
		};
		const executor = await startExecutor({ environment: own });
		const execution = await executor.run(["env"], { environment: { DECLARED: "yes", COVEY_WORKER: "forged" } });
		const names = execution.stdout.toString().trim().split("\n");
		expect(names.map((line) => line.split("=")[0]).sort()).toEqual(
			["COVEY_ATTEMPT", "COVEY_TASK", "COVEY_WORKER", "DECLARED", "HOME", "LC_ALL", "PATH", "PWD", "TMPDIR"].sort(),
		);
		expect(names).toContain("COVEY_WORKER=here");
		expect(names).toContain("COVEY_TASK=t_01arz3ndektsv4rrffq69g5fav");
	});

	test("has a private temporary directory that is gone afterwards, with whatever is in it", async () => {
		const executor = await startExecutor();
		const execution = await executor.run([
			"sh",
			"-c",
			'stat -c %a "$TMPDIR"; mkdir "$TMPDIR/d"; touch "$TMPDIR/d/f"; chmod 500 "$TMPDIR/d"; echo "$TMPDIR"',
		]);
		const [mode, path = ""] = execution.stdout.toString().split("\n");
		expect(mode).toBe("700");
		expect(existsSync(path)).toBe(false);
	});

	test("leaves no temporary directory when its control group cannot be made", async () => {
		const temporary = await mkdtemp(join(scratch, "temporary-"));
		const controlGroups = { root: join(temporary, "nowhere"), controllers: new Set<never>() };
		await using executor = createExecutor({ worker: "here", stateDirectory: scratch, environment: {}, controlGroups });
		const request = { attemptKey: "t.1", command: ["true"], cwd: scratch, environment: {}, graceMs: 0, limits: {} };
		vi.stubEnv("TMPDIR", temporary);
		try {
			await expect(executor.execute(request, async () => {}, new AbortController().signal)).rejects.toThrow("ENOENT");
			expect(await readdir(temporary)).toEqual([]);
		} finally {
			vi.unstubAllEnvs();
		}
	});

	test("gives the job an empty input and a lower priority", async () => {
		const executor = await startExecutor();
		expect((await executor.run(["sh", "-c", "wc -c; nice"])).stdout.toString()).toBe("0\n10\n");
	});
});
