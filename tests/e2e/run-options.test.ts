import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

test("the exit code is the command's own", async () => {
	verifies("run:exit-code", "run:not-found");
	await using fleet = await Fleet.start({ workers: 1 });
	const run = (...command: string[]) => fleet.run(["--no-snapshot", "--", ...command]);
	expect(await run("true")).toMatchObject({ code: 0 });
	expect(await run("sh", "-c", "exit 42")).toMatchObject({ code: 42 });
	expect(await run("sh", "-c", "kill -SEGV $$")).toMatchObject({ code: 139, stderr: expect.stringContaining("SIGSEGV") });
	const missing = await run("no-such-program", "--flag");
	expect(missing.code).toBe(127);
	expect(missing.stderr).toContain("no-such-program");
});

test("only declared variables travel", async () => {
	verifies("run:env-var");
	await using fleet = await Fleet.start({ workers: 1 });
	const words = [
		"--no-snapshot",
		"--env-var",
		"GIVEN=two words=x",
		"--env-var",
		"PASSED",
		"--",
		"sh",
		"-c",
		'echo "$GIVEN|$PASSED|$SECRET|$COVEY_TOKEN_FILE"',
	];
	const { stdout } = await fleet.run(words, { environment: { PASSED: "mine", SECRET: "hidden" } });
	expect(stdout.toString()).toBe("two words=x|mine||\n");
	const missing = await fleet.run(["--no-snapshot", "--env-var", "NOT_THERE", "--", "true"]);
	expect(missing).toMatchObject({ code: 2, stderr: expect.stringMatching(/NOT_THERE.*\n.*--env-var NOT_THERE=value/) });
});

test("artifacts come back with content and mode, also of a run that failed", async () => {
	verifies("run:pull");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	const { directory } = repository;
	const script =
		"mkdir -p out/deep && head -c 1000000 /dev/zero > out/deep/zeros && ln -s deep/zeros out/link && echo '#!/bin/sh' > app && chmod 755 app; exit 5";
	const { code, stderr } = await fleet.run(["--pull", "app", "--pull", "out", "--pull", "nowhere", "--", "sh", "-c", script], {
		cwd: directory,
	});
	expect(code, stderr).toBe(5);
	expect(readFileSync(join(directory, "app"), "utf8")).toBe("#!/bin/sh\n");
	expect(statSync(join(directory, "app")).mode & 0o777).toBe(0o755);
	expect(readFileSync(join(directory, "out/link")).equals(Buffer.alloc(1_000_000))).toBe(true);
	expect(stderr).toContain("not there to pull: nowhere");
	const outside = await fleet.run(["--pull", "../else", "--", "true"], { cwd: directory });
	expect(outside).toMatchObject({ code: 2, stderr: expect.stringContaining("../else leads out of the worktree") });
});

test("a timeout ends the command and all it started", async () => {
	verifies("run:timeout");
	await using fleet = await Fleet.start({ workers: 1 });
	const script = "setsid sleep 1001 & sleep 1002";
	const { code, stderr } = await fleet.run(["--no-snapshot", "--timeout", "500ms", "--", "sh", "-c", script]);
	expect(code).toBe(124);
	expect(stderr).toContain("timed_out");
	await fleet.workers[0]!.machine.empty("sleep 100");
});

test("a silent command is ended and a talking one is not", async () => {
	verifies("run:silent-timeout");
	await using fleet = await Fleet.start({ workers: 1 });
	const words = ["--no-snapshot", "--silent-timeout", "1s", "--", "sh", "-c"];
	const [talking, silent] = await Promise.all([
		fleet.run([...words, "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.3; done"]),
		fleet.run([...words, "echo once; sleep 1003"]),
	]);
	expect(talking.code, talking.stderr).toBe(0);
	expect(silent.code).toBe(124);
	expect(silent.stderr).toContain("silent");
});

test("a run says where and why and how it ended, and the record is the last line", async () => {
	verifies("run:json", "run:announces");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	const finished = await fleet.run(["--json", "--", "sh", "-c", "exit 7"], { cwd: repository.directory });
	const tree = repository.tree();
	expect(finished.stdout.length).toBe(0);
	const [where, end] = finished.stderr.split("\n");
	expect(where).toMatch(/^covey: t_\w{26} runs on worker-1: .*slots free/);
	expect(end).toMatch(new RegExp(`^covey: failed \\(exit 7\\) · on worker-1 · tree ${tree.slice(0, 12)} · \\d+ ms$`));
	expect(recordOf(finished)).toMatchObject({
		schema: 1,
		task: expect.stringMatching(/^t_/),
		status: "failed",
		outcome: "failed",
		exitCode: 7,
		machine: "worker-1",
		tree,
		attempt: 1,
		timings: { total: expect.any(Number), command: expect.any(Number) },
		placement: { because: "only", sentence: expect.stringContaining("worker-1") },
	});
});

test("a detached run is found again with all of its output", async () => {
	verifies("run:detach");
	await using fleet = await Fleet.start({ workers: 1 });
	const detached = await fleet.run(["--no-snapshot", "--detach", "--", "sh", "-c", "echo first; sleep 0.2; echo last; exit 9"]);
	expect(detached.code).toBe(0);
	expect(detached.stdout.toString()).toMatch(/^t_[0-9a-z]{26}\n$/);
	const id = detached.stdout.toString().trim();
	const attached = await fleet.client.covey(["attach", id]);
	expect(attached).toMatchObject({ code: 9, stdout: Buffer.from("first\nlast\n") });
	const again = await fleet.client.covey(["attach", id.slice(0, -2)]);
	expect(again, "an ended run can be seen again").toMatchObject({ code: 9, stdout: Buffer.from("first\nlast\n") });
	const rest = await fleet.client.covey(["logs", id, "--since-offset", "6"]);
	expect(rest).toMatchObject({ code: 0, stdout: Buffer.from("last\n") });
	const lines = (await fleet.client.covey(["logs", id, "--json"])).stdout.toString().trimEnd().split("\n");
	const pieces = lines.map((line) => JSON.parse(line));
	expect(pieces.map(({ text }) => text).join("")).toBe("first\nlast\n");
	expect(pieces[0]).toMatchObject({ schema: 1, type: "output", task: id, attempt: 1, stream: "stdout", offset: 0 });
});
