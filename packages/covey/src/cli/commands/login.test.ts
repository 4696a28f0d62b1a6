import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { startCoordinator } from "@covey/client/coordinator.fixture";
import { expect, test } from "vitest";
import { createHome, startCovey } from "#cli/covey.fixture.ts";
import { encodeToken } from "#host/token/token.ts";
import { withClient } from "./login.ts";

const token = encodeToken({ kind: "client", id: "1", secret: "secret" });

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
	const login = await startCovey(["login", coordinator.url], { home, input: `${token}\n` }).ended;
	expect(login).toMatchObject({ code: 0, stderr: expect.stringContaining("far") });
	const config = join(home.directory, ".config", "covey");
	for (const file of ["client.token", "config.toml"]) expect(statSync(join(config, file)).mode & 0o777).toBe(0o600);
	expect(readFileSync(join(config, "client.token"), "utf8")).toBe(`${token}\n`);
	expect(await startCovey(["status"], { home }).ended).toMatchObject({ code: 0 });
	expect(tokens).toEqual([`Bearer ${token}`, `Bearer ${token}`]);
});

test("a token that does not work is not written down", async () => {
	using home = createHome();
	await using coordinator = await startCoordinator({ refuse: { status: 401, body: { code: "unauthenticated", message: "wrong token" } } });
	const login = await startCovey(["login", coordinator.url], { home, input: token }).ended;
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

test("a token of another kind is told from a client's, with the way to get one", async () => {
	using home = createHome();
	const error = { code: "forbidden", message: "this call wants a token with the role read or submit; this one has worker" } as const;
	await using coordinator = await startCoordinator({ refuse: { status: 403, body: error } });
	const login = (input: string) => startCovey(["login", coordinator.url], { home, input }).ended;
	const join = encodeToken({ kind: "join", fingerprint: "f", id: "1", secret: "secret" });
	expect(await login(join)).toMatchObject({
		code: 2,
		stderr: expect.stringMatching(/is a join token[\s\S]*--role submit[\s\S]*covey join http/),
	});
	expect(coordinator.received).toEqual([]);
	expect(await login(token)).toMatchObject({
		code: 4,
		stderr: expect.stringMatching(/not for a person or a program.*worker\n.*--role submit/),
	});
	expect(await login(`${token}x`)).toMatchObject({ code: 4, stderr: expect.stringContaining("a character was lost") });
});
