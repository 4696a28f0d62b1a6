import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

test("equal work in flight runs once and answers all who asked", async () => {
	verifies("share:merge");
	await using fleet = await Fleet.start({ workers: 2 });
	using gate = new Gate();
	using repository = new Repository();
	const cwd = repository.directory;
	const words = ["run", "--json", "--", "sh", "-c", `echo start; ${gate.wait}; echo $$; exit 4`];
	const first = await fleet.client.start(words, { cwd, ready: /slots free/ });
	await first.says(/start/, "stdout");
	const second = await fleet.client.start(words, { cwd, ready: /the same work is in flight/ });
	await second.says(/start/, "stdout");
	gate.open();
	const [one, two] = await Promise.all([first.ended, second.ended]);
	expect(one.code).toBe(4);
	expect(two.code).toBe(4);
	expect(two.stdout.toString(), "one process wrote for both").toBe(one.stdout.toString());
	expect(recordOf(two).task).toBe(recordOf(one).task);
});

test("other trees, other commands and --no-merge run on their own", async () => {
	verifies("share:no-merge");
	// One each, because a worker on a busy machine takes no second run.
	await using fleet = await Fleet.start({ workers: 3 });
	using gate = new Gate();
	using repository = new Repository();
	const cwd = repository.directory;
	const command = ["--", "sh", "-c", gate.wait];
	const first = await fleet.client.start(["run", ...command], { cwd, ready: /slots free/ });
	const apart = await fleet.client.start(["run", "--no-merge", ...command], { cwd, ready: /slots free/ });
	repository.write({ "README.md": "changed\n" });
	const otherTree = await fleet.client.start(["run", ...command], { cwd, ready: /slots free/ });
	expect(await fleet.tasks(/while/)).toHaveLength(3);
	gate.open();
	for (const run of [first, apart, otherTree]) {
		expect(await run.ended).toMatchObject({ code: 0 });
		expect(run.stderr).not.toContain("in flight");
	}
});

test("one of two who share a run may leave it", async () => {
	verifies("share:cancel-one");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	using repository = new Repository();
	const cwd = repository.directory;
	const words = ["run", "--", "sh", "-c", `${gate.wait}; echo through`];
	const stays = await fleet.client.start(words, { cwd, ready: /slots free/ });
	const leaves = await fleet.client.start(words, { cwd, ready: /in flight/ });
	leaves.child.kill("SIGINT");
	expect(await leaves.ended).toMatchObject({ code: 130, stderr: expect.stringContaining("goes on for another run") });
	gate.open();
	expect(await stays.ended).toMatchObject({ code: 0, stdout: Buffer.from("through\n") });
});

test("a newer run of the same worktree ends the older one", async () => {
	verifies("share:supersede");
	await using fleet = await Fleet.start({ workers: 3 });
	using repository = new Repository();
	using other = new Repository();
	using gate = new Gate();
	const old = await fleet.client.start(["run", "--supersede", "--json", "--", "sleep", "1010"], {
		cwd: repository.directory,
		ready: /slots free/,
	});
	const elsewhere = await fleet.client.start(["run", "--supersede", "--", "sh", "-c", gate.wait], {
		cwd: other.directory,
		ready: /slots free/,
	});
	repository.write({ "README.md": "newer\n" });
	const newer = await fleet.run(["--supersede", "--", "cat", "README.md"], { cwd: repository.directory });
	expect(newer).toMatchObject({ code: 0, stdout: Buffer.from("newer\n") });
	const ended = await old.ended;
	expect(recordOf(ended)).toMatchObject({ outcome: "superseded", status: "cancelled" });
	expect(ended.code).toBe(6);
	for (const { machine } of fleet.workers) await machine.empty("sleep 1010");
	gate.open();
	expect(await elsewhere.ended, "another worktree is another key").toMatchObject({ code: 0 });
});
