import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { startCoordinator } from "@covey/client/coordinator.fixture";
import { expect, test } from "vitest";
import { createHome, startCovey } from "#cli/covey.fixture.ts";
import { withClient } from "./login.ts";

test("only the two keys change; other lines and comments stay", () => {
	const before = '# mine\n[client]\nurl = "http://old"\nnamespace = "team" # ours\n\n[worker]\nslots = 2\n';
	const after = withClient(before, { url: "http://new:8000", token_file: "/secrets/token" });
	expect(after).toBe(
		'# mine\n[client]\nurl = "http://new:8000"\ntoken_file = "/secrets/token"\nnamespace = "team" # ours\n\n[worker]\nslots = 2\n',
	);
	expect(withClient(after, { url: "http://new:8000", token_file: "/secrets/token" })).toBe(after);
	expect(withClient("", { url: "u", token_file: "t" })).toBe('[client]\nurl = "u"\ntoken_file = "t"\n');
});

test("login tries the token, keeps it private, and later commands use it", async () => {
	using home = createHome();
	const answer = { version: "0.1.0", coordinator: "far", state: "ready", workers: {}, tasks: {}, slots: {}, startedAt: 0 };
	const tokens: (string | undefined)[] = [];
	await using coordinator = await startCoordinator({
		message: ({ id }, connection) => {
			tokens.push(connection.request.headers.authorization);
			connection.send({ type: "result", id, output: answer as never });
		},
	});
	const login = await startCovey(["login", coordinator.url], { home, input: "cvt_1.secret\n" }).ended;
	expect(login).toMatchObject({ code: 0, stderr: expect.stringContaining("far") });
	const config = join(home.directory, ".config", "covey");
	for (const file of ["client.token", "config.toml"]) expect(statSync(join(config, file)).mode & 0o777).toBe(0o600);
	expect(readFileSync(join(config, "client.token"), "utf8")).toBe("cvt_1.secret\n");
	expect(await startCovey(["status"], { home }).ended).toMatchObject({ code: 0 });
	expect(tokens).toEqual(["Bearer cvt_1.secret", "Bearer cvt_1.secret"]);
});

test("a token that does not work is not written down", async () => {
	using home = createHome();
	await using coordinator = await startCoordinator({ refuse: { status: 401, body: { code: "unauthenticated", message: "wrong token" } } });
	const login = await startCovey(["login", coordinator.url], { home, input: "cvt_1.bad\n" }).ended;
	expect(login).toMatchObject({ code: 4, stderr: expect.stringContaining("wrong token") });
	expect(statSync(join(home.directory, ".config", "covey"), { throwIfNoEntry: false })).toBeUndefined();
});

test("what answers and is no coordinator is called so, at once", async () => {
	using home = createHome();
	await using other = await startCoordinator({ refuse: { status: 404, body: { detail: "Not Found" } } });
	const environment = { COVEY_URL: other.url, COVEY_TOKEN: "x" };
	for (const words of [["status"], ["run", "--", "true"]])
		expect(await startCovey(words, { home, environment }).ended).toMatchObject({
			code: 7,
			stderr: expect.stringMatching(/^covey: 127\.0\.0\.1:\d+ answers \(404\), but is not a Covey coordinator\n/),
		});
});
