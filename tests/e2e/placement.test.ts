import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { verifies } from "./verifies.ts";

const where = ["--", "sh", "-c", "echo $COVEY_WORKER"];

test("a run goes to the machine or the tag that it asks for", async () => {
	verifies("place:on", "place:tag", "place:no-worker");
	await using fleet = await Fleet.start({ workers: 1 });
	await fleet.join("gpu-box", { tags: ["gpu=yes", "zone=lab"] });
	const run = async (...words: string[]) => (await fleet.run(["--no-snapshot", ...words, ...where])).stdout.toString().trim();
	expect(await run("--on", "worker-1")).toBe("worker-1");
	expect(await run("--on", "gpu-box")).toBe("gpu-box");
	expect(await run("--tag", "gpu=yes", "--tag", "zone=lab")).toBe("gpu-box");

	const nobody = await fleet.run(["--no-snapshot", "--tag", "gpu=no", ...where]);
	expect(nobody.code).toBe(7);
	expect(nobody.stderr).toContain("worker-1 (tag gpu: wanted no, it has none)");
	expect(nobody.stderr).toContain("gpu-box (tag gpu: wanted no, has yes)");
	const nowhere = await fleet.run(["--no-snapshot", "--on", "nowhere", ...where]);
	expect(nowhere.code).toBe(7);
	expect(nowhere.stderr).toContain("worker-1 (machine: wanted nowhere, this is worker-1)");
});

test("the coordinator's own worker takes only what may fall back to it", async () => {
	verifies("place:fallback-never", "place:fallback-always");
	await using fleet = await Fleet.start({ localSlots: 1 });
	const alone = await fleet.run(["--no-snapshot", ...where]);
	expect(alone, "nobody else is there").toMatchObject({ code: 0, stdout: Buffer.from("local\n") });
	expect(alone.stderr).toContain("coordinator's own worker");
	const never = await fleet.run(["--no-snapshot", "--fallback", "never", ...where]);
	expect(never).toMatchObject({ code: 7, stderr: expect.stringContaining("local (fallback: never") });

	const { machine } = await fleet.join("worker-1", { slots: 1 });
	using gate = new Gate();
	const busy = await fleet.client.start(["run", "--no-snapshot", "--", "sh", "-c", gate.wait], { ready: /worker-1: .*slots free/ });
	const always = await fleet.run(["--no-snapshot", "--fallback", "always", ...where]);
	expect(always, "the other one is busy").toMatchObject({ code: 0, stdout: Buffer.from("local\n") });
	const later = await fleet.run(["--no-snapshot", "--fallback", "after:200ms", ...where]);
	expect(later).toMatchObject({ code: 0, stdout: Buffer.from("local\n") });
	gate.open();
	expect(await busy.ended).toMatchObject({ code: 0 });
	await machine.empty("while");
});

test("covey why tells what a task waits for and why it ran where it did", async () => {
	verifies("place:why");
	await using fleet = await Fleet.start({ workers: 1, slots: 1 });
	using gate = new Gate();
	const busy = await fleet.client.start(["run", "--no-snapshot", "--", "sh", "-c", gate.wait], { ready: /slots free/ });
	const waiting = (await fleet.run(["--no-snapshot", "--detach", "--", "true"])).stdout.toString().trim();
	const tagged = (await fleet.run(["--no-snapshot", "--detach", "--tag", "gpu=yes", "--", "true"])).stdout.toString().trim();
	const why = async (id: string) => (await fleet.client.covey(["why", id])).stdout.toString();
	expect(await why(waiting)).toMatch(
		/waits for a free slot on the one worker that fits; it is next[\s\S]*worker-1.*(busy: 1 of 1 slots used|under pressure)/,
	);
	expect(await why(tagged)).toMatch(/none of 1 does[\s\S]*worker-1.*tag gpu: wanted yes, it has none/);
	// A run that is watched says so unasked.
	const watched = await fleet.client.start(["run", "--no-snapshot", "--", "true"], { ready: /is pending: waits for a free slot/ });
	gate.open();
	await busy.ended;
	expect(await watched.ended).toMatchObject({ code: 0 });
	await fleet.task(waiting, ({ status }) => status === "done");
	expect(await why(waiting)).toMatch(/worker-1: .*slots free/);
});

test("a drained worker finishes what it has and takes nothing new", async () => {
	verifies("place:drain");
	await using fleet = await Fleet.start({ workers: 2 });
	using gate = new Gate();
	const running = await fleet.client.start(["run", "--no-snapshot", "--on", "worker-1", "--", "sh", "-c", `${gate.wait}; echo done`], {
		ready: /slots free/,
	});
	expect(await fleet.client.covey(["drain", "worker-1"])).toMatchObject({ code: 0 });
	for (let i = 0; i < 3; i++) expect((await fleet.run(["--no-snapshot", ...where])).stdout.toString()).toBe("worker-2\n");
	gate.open();
	expect(await running.ended).toMatchObject({ code: 0, stdout: Buffer.from("done\n") });
	await fleet.client.covey(["undrain", "worker-1"]);
	expect((await fleet.run(["--no-snapshot", "--on", "worker-1", ...where])).stdout.toString()).toBe("worker-1\n");
});
