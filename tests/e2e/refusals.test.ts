import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Machine } from "../kit/machine.ts";
import { startOtherVersion } from "../kit/other-version.ts";
import { verifies } from "./verifies.ts";

test("a token that is wrong, too old, revoked or too weak is refused with the way out", async () => {
	verifies("refuse:token");
	await using fleet = await Fleet.start({ workers: 1 });
	const good = (await fleet.token("client", "--role", "submit")).trim();
	const made = JSON.parse(await fleet.token("client", "--role", "submit", "--json"));
	await fleet.client.covey(["token", "revoke", made.record.id]);
	const brief = (await fleet.token("client", "--role", "submit", "--expires", "1s")).trim();
	while ((await fleet.client.covey(["status"], { environment: { COVEY_TOKEN_FILE: "", COVEY_TOKEN: brief } })).code === 0);
	const reader = (await fleet.token("client", "--role", "read")).trim();
	const cases = [
		["good", good, 0, /passed/],
		["mistyped", `${good.slice(0, -1)}${good.endsWith("a") ? "b" : "a"}`, 4, /token/],
		["of another fleet", "cvt_1.aaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbb.cccccc", 4, /token/],
		["revoked", made.token, 4, /revoked/],
		["expired", brief, 4, /expired/],
		["read only", reader, 4, /submit/],
	] as const;
	for (const [kind, token, code, message] of cases) {
		const finished = await fleet.client.covey(["run", "--no-snapshot", "--", "true"], {
			environment: { COVEY_TOKEN_FILE: "", COVEY_TOKEN: token },
		});
		expect(finished.code, `${kind}: ${finished.stderr}`).toBe(code);
		expect(finished.stderr, kind).toMatch(message);
		expect(finished.stderr, kind).not.toContain(token.split(".")[2]);
		if (code !== 0) expect(finished.stderr, `${kind}: a way out`).toMatch(/\n {7}\S/);
	}
	expect(fleet.daemon.stderr).not.toContain(good.split(".")[2]);
});

test("a join token is refused when it is used up, revoked or of another coordinator", async () => {
	verifies("refuse:token", "enrol:once");
	await using fleet = await Fleet.start();
	await using other = await Fleet.start();
	await using machine = await Machine.create();
	const join = (input: string) => machine.covey(["join", fleet.url, "--name", "late"], { input });
	const token = await fleet.token("join");
	await using first = await Machine.create();
	await first.start(["join", fleet.url, "--name", "first"], { input: token, ready: /connected/ });
	const used = await join(token);
	expect(used.code, used.stderr).toBe(4);
	expect(used.stderr).toMatch(/used/);
	const foreign = await join(await other.token("join"));
	expect(foreign.code, foreign.stderr).toBe(4);
	expect(foreign.stderr).toMatch(/key/);
	const client = await join(await fleet.token("client", "--role", "submit"));
	expect(client).toMatchObject({ code: 2, stderr: expect.stringContaining("not a join token") });
	expect(await join(""), "none at all").toMatchObject({ code: 2, stderr: expect.stringContaining("there is no join token") });
});

test("a coordinator of another version is refused with both ranges", async () => {
	verifies("refuse:version");
	await using machine = await Machine.create();
	using future = await startOtherVersion({ type: "welcome", protocol: [7, 9], version: "9.0.0", coordinator: "future" });
	const refused = await machine.covey(["run", "--no-snapshot", "--", "true"], {
		environment: { COVEY_URL: future.url, COVEY_TOKEN: "cvt_1.a.b.c" },
	});
	expect(refused.code, refused.stderr).toBe(7);
	expect(refused.stderr).toMatch(/7 to 9 .*; this client speaks 1 to 1\n.*same version/);
	using stranger = await startOtherVersion({ hello: "I am another program" });
	const odd = await machine.covey(["status"], { environment: { COVEY_URL: stranger.url, COVEY_TOKEN: "cvt_1.a.b.c" } });
	expect(odd).toMatchObject({ code: 7, stderr: expect.stringContaining("does not speak Covey's client protocol") });
});

test("a coordinator that is not there is named", async () => {
	verifies("refuse:unreachable");
	await using machine = await Machine.create();
	// Port 9 is discard; nobody listens there.
	const gone = await machine.covey(["run", "--no-snapshot", "--", "true"], {
		environment: { COVEY_URL: "http://127.0.0.1:9", COVEY_TOKEN: "x" },
	});
	expect(gone).toMatchObject({ code: 7, stderr: expect.stringContaining("127.0.0.1:9") });
	const none = await machine.covey(["status"]);
	expect(none).toMatchObject({ code: 7, stderr: expect.stringMatching(/no coordinator runs on this machine.*\n.*covey up.*covey login/) });
});

test("a message over the limit is refused with the limit", async () => {
	verifies("refuse:message-size");
	await using fleet = await Fleet.start({ workers: 1 });
	const long = await fleet.run(["--no-snapshot", "--", "echo", "x".repeat(100_000), "y".repeat(100_000)]);
	expect(long.code, long.stderr.slice(0, 500)).toBe(2);
	expect(long.stderr).toMatch(/command.*(131072|128 KiB)|too long/);
	const title = "z".repeat(2_000_000);
	await expect(fleet.sdk.submit({ payload: { command: ["true"] }, title })).rejects.toMatchObject({
		code: "too_large",
		message: expect.stringContaining("1048576"),
	});
	const variables = Array.from({ length: 60 }, (_, i) => ["--env-var", `V${i}=${"v".repeat(20_000)}`]).flat();
	expect(await fleet.run(["--no-snapshot", ...variables, "--", "true"])).toMatchObject({
		code: 2,
		stderr: expect.stringMatching(/the message task\.submit has \d+ bytes; the limit is 1048576/),
	});
	expect(await fleet.run(["--no-snapshot", "--", "true"]), "nobody else was hurt").toMatchObject({ code: 0 });
});

test("a worker name that is in use is refused", async () => {
	verifies("refuse:name-in-use");
	await using fleet = await Fleet.start({ workers: 1 });
	await using machine = await Machine.create();
	const refused = await machine.covey(["join", fleet.url, "--name", "worker-1"], { input: await fleet.token("join") });
	expect(refused.code, refused.stderr).toBe(6);
	expect(refused.stderr).toContain("worker-1");
	expect(refused.stderr).toMatch(/\n.*--name/);
	expect((await fleet.sdk.call("worker.list", {})).workers.find(({ name }) => name === "worker-1")?.status).toBe("connected");
	const twice = await fleet.workers[0]!.machine.covey(["worker", "start"]);
	expect(twice, "the same machine twice").toMatchObject({ code: 6, stderr: expect.stringContaining(String(fleet.workers[0]!.daemon.pid)) });
});

test("malformed configuration is refused with file, line and column", async () => {
	verifies("refuse:config");
	await using machine = await Machine.create();
	const directory = join(machine.home, ".config/covey");
	const file = join(directory, "config.toml");
	mkdirSync(directory, { recursive: true });
	const cases = [
		['[client]\nnamespace = "a\n', /config\.toml:2:\d+: /],
		["[coordinator]\n\nport = 99999\n", /config\.toml:3:1: coordinator\.port: /],
		["[worker]\nslotz = 3\n", /config\.toml:2:1: worker\.slotz: no such key/],
		['[coordinator]\nlease_ttl = "soon"\n', /config\.toml:2:1: coordinator\.lease_ttl: "soon" is no duration; write it as in 90s/],
		['[coordinator]\nlease_ttl = "1s"\n', /lease_ttl must be at least four times coordinator\.sync_every/],
	] as const;
	for (const [text, message] of cases) {
		writeFileSync(file, text);
		for (const words of [
			["up", "--port", "0"],
			["run", "--no-snapshot", "--", "true"],
		]) {
			const { code, stderr } = await machine.covey(words);
			expect(code, `${text}${stderr}`).toBe(3);
			expect(stderr).toMatch(message);
		}
	}
	writeFileSync(file, "");
	chmodSync(file, 0o666);
	expect(await machine.covey(["config", "show"])).toMatchObject({ code: 3, stderr: expect.stringContaining("chmod o-w") });
	expect(readFileSync(file, "utf8")).toBe("");
});
