import { expect, test } from "vitest";
import { Machine } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

test("in an empty home a run starts what it needs and runs here", async () => {
	verifies("embedded:default");
	await using machine = await Machine.create();
	using repository = new Repository({ "greeting.txt": "hello\n" });
	const first = await machine.covey(["run", "--", "cat", "greeting.txt"], { cwd: repository.directory });
	expect(first, first.stderr).toMatchObject({ code: 0, stdout: Buffer.from("hello\n") });
	expect(first.stderr).toContain("local: ");
	const status = await machine.covey(["status", "--json"]);
	const { url } = JSON.parse(status.stdout.toString());
	const second = await machine.covey(["run", "--", "false"], { cwd: repository.directory });
	expect(second.code).toBe(1);
	expect(JSON.parse((await machine.covey(["status", "--json"])).stdout.toString()).url, "the same one").toBe(url);
});

test("many first runs at once start one coordinator", async () => {
	verifies("embedded:default");
	await using machine = await Machine.create();
	using repository = new Repository();
	const runs = await Promise.all([1, 2, 3, 4].map((i) => machine.covey(["run", "--", "echo", String(i)], { cwd: repository.directory })));
	expect(runs.map(({ code, stdout }) => [code, stdout.toString()])).toEqual([1, 2, 3, 4].map((i) => [0, `${i}\n`]));
	expect((await machine.processes()).filter(({ command }) => command.includes(" up "))).toHaveLength(1);
});

test("a second coordinator on the same state is refused and told of the first", async () => {
	verifies("embedded:one-owner");
	await using machine = await Machine.create();
	const daemon = await machine.start(["up", "--port", "0"]);
	const [, url] = await daemon.says(/ready at (\S+)/);
	const second = await machine.covey(["up", "--port", "0"]);
	expect(second.code).toBe(6);
	expect(second.stderr).toContain(String(daemon.pid));
	expect(second.stderr).toContain(url);
	expect(await machine.covey(["run", "--no-snapshot", "--", "true"]), "the first one goes on").toMatchObject({ code: 0 });
});
