import { execFile } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { createSecret } from "#host/token/token.ts";
import { Fleet } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { Machine, program } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";

let fleet: Fleet;
beforeAll(async () => {
	fleet = await Fleet.start({ workers: 1 });
});
afterAll(() => fleet[Symbol.asyncDispose]());

const adminTokenFile = () => join(fleet.coordinator.state, "coordinator", "admin.token");
/** The part of a token that must not be seen. */
const secretOf = (token: string) => token.trim().split(".").at(-2)!;

/** Files below the directory that hold the text, relative to it. */
function filesWith(directory: string, text: string): string[] {
	return filesBelow(directory).filter((name) => readFileSync(join(directory, name)).includes(text));
}

function filesBelow(directory: string): string[] {
	return readdirSync(directory, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

/** Command lines on this computer that hold the text. */
function commandLinesWith(text: string): string[] {
	return readdirSync("/proc").flatMap((name) => {
		try {
			const line = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, "latin1") : "";
			return line.includes(text) ? [line.replaceAll("\0", " ")] : [];
		} catch {
			return [];
		}
	});
}

test("no secret is in a command line, a log, an error or a file that is not its own", async () => {
	const [client, join_, v1] = [await fleet.token("client", "--role", "submit"), await fleet.token("join"), await fleet.token("worker")];
	const canary = createSecret();
	const secrets = {
		admin: secretOf(readFileSync(adminTokenFile(), "utf8")),
		client: secretOf(client),
		join: secretOf(join_),
		v1: secretOf(v1),
		variable: canary,
	};
	using gate = new Gate();
	const words = ["run", "--no-snapshot", "--env-var", "CANARY", "--", "sh", "-c", `echo running; ${gate.wait}`];
	const environment = { CANARY: canary, COVEY_TOKEN: client.trim() };
	const running = await fleet.client.start(words, { environment });
	await running.says(/running/, "stdout");
	for (const [name, secret] of Object.entries(secrets)) expect(commandLinesWith(secret), name).toEqual([]);
	const machine = await Machine.create();
	const joining = await machine.start(["join", fleet.url, "--name", "second"], {
		environment: { COVEY_JOIN_TOKEN: join_.trim() },
		ready: /connected/,
	});
	for (const [name, secret] of Object.entries(secrets)) expect(commandLinesWith(secret), name).toEqual([]);
	gate.open();
	expect((await running.ended).code).toBe(0);

	const said = [running.stderr, running.stdout, joining.stderr, fleet.daemon.stderr, fleet.workers[0]!.daemon.stderr];
	for (const token of [client, join_, v1].map((right) => `${right.trim()}x`).concat(client.replace(secrets.client, createSecret()))) {
		const { code, stderr } = await fleet.client.covey(["status"], { environment: { COVEY_TOKEN: token.trim() } });
		expect(code).not.toBe(0);
		expect(stderr).not.toContain(secretOf(token));
		said.push(stderr);
	}
	await fleet.workers[0]!.daemon.stop();
	await joining.stop();
	await fleet.daemon.stop();
	said.push(fleet.daemon.stderr, fleet.workers[0]!.daemon.stderr);
	for (const [name, secret] of Object.entries(secrets)) expect(said.join("\n").includes(secret), name).toBe(false);

	const homes = [fleet.coordinator, fleet.client, fleet.workers[0]!.machine, machine].map(({ home }) => home);
	const found = (secret: string) => homes.map((home) => filesWith(home, secret));
	const own = ".local/state/covey/coordinator/admin.token";
	expect(found(secrets.admin)).toEqual([[own], [], [], []]);
	for (const name of ["client", "join", "v1"] as const) expect(found(secrets[name]), name).toEqual([[], [], [], []]);
	// A declared variable is part of the task: its record keeps it, in the coordinator's private directory, and nothing else does.
	const [records = [], ...others] = found(canary);
	expect(others).toEqual([[], [], []]);
	for (const file of records) expect(file).toMatch(/^\.local\/state\/covey\/coordinator\/(journal|history)\.db/);
	await machine[Symbol.asyncDispose]();
	await fleet.restart();
});

test("whoever may read a task sees which variables it sets, and not to what", async () => {
	const canary = createSecret();
	const { task } = await fleet.sdk.submit({
		title: "with a variable",
		payload: { command: ["true"], environment: { CANARY: canary } },
		constraints: { machine: "nobody" },
		policies: { fallback: "never" },
	});
	const seen = JSON.stringify([await fleet.sdk.call("task.get", { task }), await fleet.sdk.call("task.list", {})]);
	expect(seen).toContain("CANARY");
	expect(seen).not.toContain(canary);
	await fleet.sdk.call("task.cancel", { task });
	expect(JSON.stringify(await fleet.sdk.call("task.get", { task }))).not.toContain(canary);
});

describe.skipIf(process.getuid?.() !== 0)("another user of this machine [needs root]", () => {
	const nobody = { uid: 65534, gid: 65534 };
	const run = promisify(execFile);

	it("can read none of our files, snapshots of a worktree neither", async () => {
		using repository = new Repository({ tracked: "source\n" });
		repository.write({ ".env": "TOKEN=x\n" });
		const ran = await fleet.run(["--detach", "--", "cat", ".env"], { cwd: repository.directory });
		expect(ran.code, ran.stderr).toBe(0);
		for (const { home } of [fleet.coordinator, fleet.client, fleet.workers[0]!.machine]) {
			chmodSync(home, 0o755);
			const { stdout } = await run("/bin/sh", ["-c", `find ${home} -type f -readable 2>/dev/null; true`], nobody);
			// The compiler's cache holds the program and nothing of ours.
			expect(stdout.split("\n").filter((name) => name !== "" && !name.includes("/covey/compile/"))).toEqual([]);
		}
	});

	it("is nobody to the coordinator, though it reaches the port", async () => {
		for (const environment of [{}, { COVEY_TOKEN_FILE: adminTokenFile() }]) {
			const asked = run(program[0], [program[1], "status"], {
				...nobody,
				env: { HOME: "/nonexistent", COVEY_URL: fleet.url, ...environment },
			});
			await expect(asked).rejects.toMatchObject({ code: expect.toSatisfy((code) => [2, 3, 4].includes(code)) });
		}
	});
});

describe("a start is refused", () => {
	it("when others can read a token or a key, or write the configuration; and nothing of it is shown", async () => {
		await using machine = await Machine.create();
		await (await machine.start(["up", "--port", "0", "--slots", "0"], { ready: /ready at/ })).stop();
		const directory = join(machine.state, "coordinator");
		const secret = filesBelow(directory).filter((name) => /token|key/.test(name));
		expect(secret.length).toBeGreaterThanOrEqual(2);
		for (const name of secret) {
			const file = join(directory, name);
			expect(statSync(file).mode & 0o777, name).toBe(0o600);
			for (const mode of [0o644, 0o640, 0o606]) {
				chmodSync(file, mode);
				const { code, stderr } = await machine.covey(["up", "--port", "0", "--slots", "0"]);
				expect([code, stderr.includes(`chmod 600 ${file}`)], `${name} ${mode.toString(8)}: ${stderr}`).toEqual([4, true]);
				for (const line of readFileSync(file, "utf8")
					.split("\n")
					.filter((one) => one.length > 20))
					expect(stderr).not.toContain(line);
			}
			chmodSync(file, 0o600);
		}
		const config = join(machine.home, ".config/covey/config.toml");
		await machine.covey(["config", "show"]);
		const { mkdirSync } = await import("node:fs");
		mkdirSync(join(config, ".."), { recursive: true });
		writeFileSync(config, "", { mode: 0o600 });
		chmodSync(config, 0o666);
		const { code, stderr } = await machine.covey(["up", "--port", "0"]);
		expect([code, stderr.includes("chmod o-w")]).toEqual([3, true]);
	});
});
