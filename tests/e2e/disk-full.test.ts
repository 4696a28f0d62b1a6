import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Machine } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { noSmallDisks, SmallDisk } from "../kit/small-disk.ts";
import { verifies } from "./verifies.ts";

test.skipIf(noSmallDisks)("a coordinator without disk space refuses work, serves reads and recovers [needs a disk to fill]", async () => {
	verifies("refuse:coordinator-disk-full");
	using disk = new SmallDisk(64);
	const coordinator = await Machine.create({ environment: { XDG_STATE_HOME: disk.directory } });
	await using fleet = await Fleet.start({ workers: 1, coordinator });
	using repository = new Repository();
	const cwd = repository.directory;
	const before = await fleet.record(["--", "echo", "before"], { cwd });
	disk.fill();
	repository.write({ big: Buffer.from(Array.from({ length: 200_000 }, () => Math.floor(Math.random() * 256))) });
	const refused = await fleet.run(["--", "true"], { cwd });
	expect(refused.code, refused.stderr).toBe(7);
	expect(refused.stderr).toMatch(/full|no space/);
	// A journal may still have a page or two; the refusal comes when it needs more.
	let plain = await fleet.run(["--no-snapshot", "--", "true"]);
	for (let tries = 0; tries < 200 && plain.code === 0; tries++) plain = await fleet.run(["--no-snapshot", "--", "true"]);
	expect(plain, plain.stderr).toMatchObject({ code: 7, stderr: expect.stringContaining("disk is full") });
	const shown = await fleet.client.covey(["tasks", "show", before.task]);
	expect(shown.stdout.toString()).toContain("passed");
	expect((await fleet.client.covey(["logs", before.task])).stdout.toString()).toBe("before\n");
	const full = await fleet.client.covey(["status", "--json"]);
	expect(JSON.parse(full.stdout.toString())).toMatchObject({
		state: expect.not.stringMatching("ready"),
		reason: expect.stringContaining("full"),
	});
	disk.free();
	expect(await fleet.client.covey(["status", "--wait", "--timeout", "20s"])).toMatchObject({ code: 0 });
	const after = await fleet.run(["--", "echo", "after"], { cwd });
	expect(after, after.stderr).toMatchObject({ code: 0, stdout: Buffer.from("after\n") });
});

test.skipIf(noSmallDisks)("a worker without disk space ends the attempt and says so [needs a disk to fill]", async () => {
	verifies("refuse:worker-disk-full");
	using disk = new SmallDisk(8);
	await using fleet = await Fleet.start();
	await fleet.join("small", { machine: await Machine.create({ environment: { XDG_CACHE_HOME: disk.directory } }) });
	using repository = new Repository();
	const cwd = repository.directory;
	repository.write({ big: Buffer.from(Array.from({ length: 9_000_000 }, (_, i) => (i * i * 31 + (i >> 7)) & 0xff)) });
	const record = recordOf(await fleet.run(["--json", "--", "true"], { cwd }));
	expect(record.outcome).toBe("bad_environment");
	expect(record.message).toMatch(/No space left on device|ENOSPC|disk is full/);
	repository.write({ big: "small\n" });
	expect(await fleet.run(["--", "cat", "big"], { cwd }), "it recovers").toMatchObject({ code: 0, stdout: Buffer.from("small\n") });
});
