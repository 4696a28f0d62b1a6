import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Machine } from "../kit/machine.ts";
import { verifies } from "./verifies.ts";

test("a second home joins by script, with the token by variable, file or stdin", async () => {
	verifies("enrol:scripts");
	await using home = await Machine.create({ environment: { COVEY_COORDINATOR_LOCAL_SLOTS: "0" } });
	const up = await home.start(["up", "--port", "0"]);
	// Before it is ready: `status --wait` is what a script calls next.
	const waited = await home.covey(["status", "--wait", "--timeout", "20s", "--json"]);
	expect(waited.code, waited.stderr).toBe(0);
	const { url, state } = JSON.parse(waited.stdout.toString());
	expect(state).toBe("ready");
	expect(up.stderr).toContain(`ready at ${url}`);
	const token = async () => {
		const made = await home.covey(["token", "create", "join"]);
		expect(made).toMatchObject({ code: 0, stderr: "" });
		expect(made.stdout.toString()).toMatch(/^cvjt_1\.\S+\n$/);
		return made.stdout.toString();
	};
	await using byVariable = await Machine.create();
	await byVariable.start(["join", url, "--name", "by-variable"], { environment: { COVEY_JOIN_TOKEN: await token() }, ready: /connected/ });
	await using byFile = await Machine.create();
	writeFileSync(join(byFile.home, "token"), await token(), { mode: 0o600 });
	await byFile.start(["join", url, "--name", "by-file", "--token-file", "token"], { ready: /connected/ });
	await using byInput = await Machine.create();
	await byInput.start(["join", url, "--name", "by-input"], { input: await token(), ready: /connected/ });
	for (const name of ["by-variable", "by-file", "by-input"]) {
		const run = await home.covey(["run", "--no-snapshot", "--on", name, "--", "sh", "-c", "echo $COVEY_WORKER"]);
		expect(run.stdout.toString()).toBe(`${name}\n`);
	}
});

test("status --wait gives up with the reason", async () => {
	verifies("enrol:scripts");
	await using home = await Machine.create();
	const waited = await home.covey(["status", "--wait", "--timeout", "300ms"]);
	expect(waited).toMatchObject({ code: 8, stderr: expect.stringContaining("no coordinator runs on this machine") });
});

test("a worker that joined once works again without a token, under the same name", async () => {
	verifies("enrol:again");
	await using fleet = await Fleet.start({ workers: 1 });
	const worker = fleet.workers[0]!;
	expect(await worker.daemon.stop(), worker.daemon.stderr).toMatchObject({ code: 0 });
	await fleet.worker("worker-1", "gone");
	worker.daemon = await worker.machine.start(["worker", "start"], { ready: /connected to \S+ as worker-1/ });
	expect(await fleet.run(["--no-snapshot", "--on", "worker-1", "--", "true"])).toMatchObject({ code: 0 });
	await using stranger = await Machine.create();
	expect(await stranger.covey(["worker", "start"])).toMatchObject({ code: 5, stderr: expect.stringContaining("covey join") });
});

test("a revoked worker's link is closed at once and stays refused", async () => {
	verifies("enrol:revoke");
	await using fleet = await Fleet.start({ workers: 1 });
	const { machine, daemon } = fleet.workers[0]!;
	const run = await fleet.client.start(["run", "--no-snapshot", "--detach", "--", "sleep", "1050"]);
	await run.ended;
	const revoked = await fleet.client.covey(["worker", "revoke", "worker-1", "--yes"]);
	expect(revoked.code, revoked.stderr).toBe(0);
	const ended = await daemon.ended;
	expect(ended.code).toBe(4);
	expect(ended.stderr).toMatch(/revoked/);
	await machine.empty("sleep 1050");
	const again = await machine.covey(["worker", "start"]);
	expect(again, again.stderr).toMatchObject({ code: 4, stderr: expect.stringMatching(/revoked/) });
});
