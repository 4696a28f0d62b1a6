import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { startCoordinator, taskId, taskView } from "@covey/client/coordinator.fixture";
import { afterAll, beforeAll, expect, test } from "vitest";
import { version } from "#kit/version.ts";
import { commands } from "./commands.ts";
import { createHome, type Home, startCovey } from "./covey.fixture.ts";
import { createParser } from "./program.ts";

let home: Home;
beforeAll(() => {
	home = createHome();
});
afterAll(() => home[Symbol.dispose]());

const covey = (...words: string[]) => startCovey(words, { home }).ended;

test("covey alone and --help list every command", async () => {
	for (const words of [[], ["--help"], ["-h"], ["help"]]) {
		const { code, stdout, stderr } = await covey(...words);
		expect([code, stderr]).toEqual([0, ""]);
		for (const { path, group } of commands) if (group) expect(stdout.toString()).toContain(`  ${path} `);
	}
});

test("the version is that of the package, on both roads", async () => {
	const { version: packaged } = JSON.parse(readFileSync(resolve(import.meta.dirname, "../../package.json"), "utf8")) as { version: string };
	expect(version).toBe(packaged);
	for (const word of ["version", "--version", "-v", "-V"]) expect(String((await covey(word)).stdout)).toBe(`covey ${version}\n`);
	expect(JSON.parse(String((await covey("version", "--json")).stdout))).toMatchObject({ schema: 1, version });
});

test("covey help COMMAND is the help of that command, of a noun its verbs", async () => {
	expect(String((await covey("help", "run")).stdout)).toBe(String((await covey("run", "--help")).stdout));
	expect(String((await covey("help", "token", "create")).stdout)).toContain("Usage: covey token create");
	expect(String((await covey("help", "token")).stdout)).toContain("token revoke");
	expect(await covey("help", "rnu")).toMatchObject({ code: 2, stderr: expect.stringContaining("did you mean covey run?") });
});

test("what is not understood is a usage error that names what was meant", async () => {
	expect(await covey("rnu")).toMatchObject({ code: 2, stderr: expect.stringContaining("did you mean covey run?") });
	expect(await covey("token", "craete")).toMatchObject({ code: 2, stderr: expect.stringContaining("covey token create") });
	expect(await covey("token")).toMatchObject({ code: 2, stderr: expect.stringContaining("token revoke") });
	expect(await covey("tasks", "--limt", "3")).toMatchObject({ code: 2, stderr: expect.stringContaining("--limit") });
	expect(await covey("run", "--timeout", "soon", "--", "true")).toMatchObject({ code: 2, stderr: expect.stringContaining("90s, 5m") });
	expect(await covey("run")).toMatchObject({ code: 2, stderr: expect.stringContaining("covey: missing required argument 'command'") });
});

test("a value that no option takes is refused with the option, the value and what it takes", async () => {
	const cases = [
		["run --tag gpu -- true", '--tag: "gpu" is no key=value', "gpu=yes"],
		["run --isolation 9 -- true", "--isolation: 9 is not between 0 and 3"],
		["up --port 99999", "--port: 99999 is not between 0 and 65535"],
		["tasks --status running", '--status: "running" is none of pending', "in_progress"],
		["tasks --outcome fail", '--outcome: "fail" is none of passed, failed'],
		["token create client --role boss", '--role: "boss" is none of admin'],
		["join 127.0.0.1:8000", '"127.0.0.1:8000"', "did you mean http://127.0.0.1:8000?"],
	] as const;
	for (const [line, ...parts] of cases) {
		const { code, stderr } = await covey(...line.split(" "));
		expect(code, line).toBe(2);
		for (const part of parts) expect(stderr.toString()).toContain(part);
	}
});

test("an address that this machine does not have ends covey up, and nothing is left listening", async () => {
	using machine = createHome();
	const up = await startCovey(["up", "--port", "0", "--host", "192.0.2.1", "--slots", "0"], { home: machine }).ended;
	expect([up.code, up.stderr]).toEqual([7, expect.stringContaining("192.0.2.1 is no address of this machine")]);
});

test("a home that cannot be written is the machine's fault and not Covey's", async () => {
	using machine = createHome();
	const file = join(machine.directory, "file");
	writeFileSync(file, "");
	const { code, stderr } = await startCovey(["status"], { home: machine, environment: { XDG_STATE_HOME: file } }).ended;
	expect([code, stderr.toString()]).toEqual([3, expect.stringContaining("this machine refuses: ENOTDIR")]);
	expect(stderr.toString()).toContain("covey paths");
});

test("every command has help of its own, and what it calls an argument is one", async () => {
	for (const entry of commands) {
		const parser = createParser(entry, await entry.load());
		expect(parser.helpInformation()).toContain(`Usage: covey ${entry.path}`);
		expect(() => parser.configureOutput({ writeOut: () => {} }).parse(["-h"], { from: "user" })).toThrow("outputHelp");
	}
});

test("options of the command behind run are not ours, with dashes before it or without", async () => {
	const entry = commands.find(({ path }) => path === "run") as (typeof commands)[number];
	for (const words of [
		["--clean", "--", "make", "--json", "-h"],
		["--clean", "make", "--json", "-h"],
	]) {
		const parser = createParser(entry, await entry.load()).parse(words, { from: "user" });
		expect(parser.args).toEqual(["make", "--json", "-h"]);
		expect(parser.opts()).toEqual({ clean: true, merge: true, snapshot: true });
	}
});

test("where no coordinator runs, a command that only looks says so and starts none", async () => {
	expect(await covey("tasks")).toMatchObject({ code: 7, stderr: expect.stringContaining("covey up") });
});

test("status --wait returns when the coordinator is ready, and says so in one document", async () => {
	let asked = 0;
	const answer = { version, coordinator: "home", fingerprint: "f", url: "u", startedAt: 0, workers: {}, tasks: {}, slots: {} };
	await using coordinator = await startCoordinator({
		message: ({ id }, connection) =>
			connection.send({ type: "result", id, output: { ...answer, state: ++asked < 3 ? "draining" : "ready" } as never }),
	});
	const environment = { COVEY_URL: coordinator.url, COVEY_TOKEN: "x" };
	const { code, stdout } = await startCovey(["status", "--wait", "--json"], { home, environment }).ended;
	expect([code, JSON.parse(String(stdout)).state, asked]).toEqual([0, "ready", 3]);
});

test("a reader that has seen enough ends a command quietly", async () => {
	await using reading = startCovey(["--help"], { home });
	reading.child.stdout?.destroy();
	expect(await reading.ended).toMatchObject({ code: 0, stderr: "" });
});

test("the hot path loads no schema library", async () => {
	const hook = `import { registerHooks } from "node:module";
		registerHooks({ load(url, context, next) { if (/node_modules.zod/.test(url)) process.stderr.write("LOADED " + url); return next(url, context); } });`;
	const environment = {
		NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}`,
		COVEY_URL: "http://127.0.0.1:1",
		COVEY_TOKEN: "x",
	};
	const { code, stderr } = await startCovey(["run", "--", "true"], { home, environment }).ended;
	expect(code).toBe(7);
	expect(stderr).not.toContain("LOADED");
});

test("every verb that reads has --json: one document with a schema version, and nothing else on stdout", async () => {
	const task = taskView({ status: "done", outcome: "passed" });
	const outputs: Readonly<Record<string, object>> = {
		"fleet.status": {
			state: "ready",
			version,
			coordinator: "big",
			fingerprint: "f",
			url: "u",
			startedAt: 0,
			workers: {},
			tasks: {},
			slots: {},
		},
		"worker.list": { workers: [] },
		"task.list": { tasks: [task] },
		"task.get": task,
		"task.explain": { task: taskId, status: "done", sentence: "", candidates: [], placements: [] },
		"token.list": { tokens: [] },
	};
	await using coordinator = await startCoordinator({
		message: (message, connection) => {
			if (message.type === "call") connection.send({ type: "result", id: message.id, output: outputs[message.operation] as never });
		},
	});
	const environment = { COVEY_URL: coordinator.url, COVEY_TOKEN: "x" };
	const talking = ["status", "workers", "tasks", "tasks list", `tasks show ${taskId}`, `why ${taskId}`, "token list"];
	const alone = ["config show", "config show --origin", "paths", "version", "doctor --only system.node"];
	const asked = [...talking, ...alone].map(async (line) => {
		const { code, stdout, stderr } = await startCovey([...line.split(" "), "--json"], { home, environment }).ended;
		expect([line, code, stderr, JSON.parse(String(stdout)).schema]).toEqual([line, 0, "", 1]);
	});
	await Promise.all(asked);
});
