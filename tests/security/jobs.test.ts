import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findControlGroups } from "#host/process/control-group.ts";
import { probeIsolation } from "#host/process/isolation.ts";
import { Fleet } from "../kit/fleet.ts";

// A sandbox has a /tmp of its own, so homes below it would be out of reach whatever else is hidden.
process.env.TMPDIR = "/var/tmp";

let fleet: Fleet;
let home: string;
/** What a job would like to read on its worker's machine, by what it holds. */
const keys = { ".ssh/id_ed25519": "ssh-canary", ".netrc": "netrc-canary", ".aws/credentials": "aws-canary" };

beforeAll(async () => {
	fleet = await Fleet.start({ workers: 1 });
	({ home } = fleet.workers[0]!.machine);
	for (const [name, content] of Object.entries(keys)) {
		mkdirSync(join(home, name, ".."), { recursive: true });
		writeFileSync(join(home, name), content);
	}
	mkdirSync(join(home, ".config/covey"), { recursive: true });
	writeFileSync(join(home, ".config/covey/client.token"), "client-canary");
});
afterAll(() => fleet[Symbol.asyncDispose]());

const steal = () =>
	`cd ${home}; cat ${Object.keys(keys).join(" ")} .config/covey/client.token; find .local/state -name worker.key -exec cat {} +`;
const { level } = await probeIsolation(findControlGroups());

describe("a job below level 2", () => {
	it("reads what its worker's user can, and everything that shows it says UNCONFINED", async () => {
		const { stdout } = await fleet.run(["--no-snapshot", "--", "sh", "-c", steal()]);
		expect(stdout.toString()).toContain("ssh-canary");
		expect(stdout.toString()).toContain("PRIVATE KEY");
		expect((await fleet.client.covey(["workers"])).stdout.toString()).toMatch(/worker-1 .*UNCONFINED/);
		const [task] = (await fleet.sdk.call("task.list", {})).tasks;
		expect((await fleet.client.covey(["tasks", "show", task!.id])).stdout.toString()).toContain("UNCONFINED");
		expect(fleet.workers[0]!.daemon.stderr).toContain("UNCONFINED");
	});

	it("gets no variable of its worker but those on the list, and no credential of Covey's", async () => {
		const { stdout } = await fleet.run(["--no-snapshot", "--", "env"], {
			environment: { NPM_TOKEN: "npm-canary" },
		});
		const names = stdout
			.toString()
			.trim()
			.split("\n")
			.map((line) => line.split("=")[0]!);
		const allowed =
			/^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|TZ|TERM|LC_.*|.*SSL_CERT_(FILE|DIR)|TMPDIR|PWD|OLDPWD|SHLVL|_|COVEY_(TASK|ATTEMPT|WORKER))$/;
		expect(names.filter((name) => !allowed.test(name))).toEqual([]);
	});
});

describe.skipIf(level < 2)("a job at level 2 [needs bubblewrap]", () => {
	it("reads no key and no token of its machine, and says at which level it ran", async () => {
		const { stdout, stderr, code } = await fleet.run(["--no-snapshot", "--isolation", "2", "--json", "--", "sh", "-c", `${steal()}; true`]);
		expect(code, stderr).toBe(0);
		expect(stdout.toString()).toBe("");
		expect(JSON.parse(stderr.trimEnd().split("\n").at(-1)!).isolation).toBe(2);
	});

	it("sees and signals no process outside, and writes nowhere but to its worktree", async () => {
		const { pid } = fleet.workers[0]!.daemon;
		const script = `kill -0 ${pid} && echo seen; cat /proc/${pid}/environ && echo read; touch ${home}/planted && echo wrote; touch here && echo done`;
		const { stdout } = await fleet.run(["--no-snapshot", "--isolation", "2", "--", "sh", "-c", script]);
		expect(stdout.toString()).toBe("done\n");
	});

	it("brings no sandbox of its own, and no code into the one that it gets", async () => {
		const script = `touch ${home}/planted && echo wrote; mount -o remount,rw / && echo remounted; echo end`;
		const words = ["--env-var", "PATH=.:/usr/bin:/bin", "--env-var", "LD_PRELOAD=./evil.so", "--", "sh", "-c", script];
		const { stdout } = await fleet.run(["--no-snapshot", "--isolation", "2", ...words]);
		expect(stdout.toString()).toBe("end\n");
	});
});
