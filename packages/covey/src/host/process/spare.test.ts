import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { findControlGroups } from "./control-group.ts";
import { createSpares, type Spare, type Spares, suitsSpare } from "./spare.ts";
import { startProcess } from "./start.ts";

const groups = findControlGroups();
const scratch = mkdtempSync(join(tmpdir(), "covey-spare-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const taken = (spares: Spares): Promise<Spare> =>
	vi.waitFor(() => {
		const spare = spares.take();
		if (spare === undefined) throw new Error("none is ready");
		return spare;
	});

async function runIn(spare: Spare, command: string[], environment: Record<string, string>, cwd = scratch) {
	const chunks: Buffer[] = [];
	const sink = (_stream: string, data: Buffer) => void chunks.push(data);
	const options = { command, cwd, environment, graceMs: 1000, sink, spare, controlGroup: spare.controlGroup };
	const { facts } = await (await startProcess(options)).result;
	spare.controlGroup.remove();
	return { exitCode: facts.exitCode, output: Buffer.concat(chunks).toString() };
}

describe.skipIf(groups === undefined)("a process made ahead", () => {
	test("becomes the command, word for word, with its environment and no other", async () => {
		await using spares = createSpares(groups!, 1, 0);
		const odd = 'it\'s "odd" $HOME `x` \\ *\n end ';
		const cwd = join(scratch, "it's a directory");
		mkdirSync(cwd);
		const script = "process.stdout.write(JSON.stringify([process.argv.slice(1), process.env, process.cwd()]))";
		const environment = { PATH: "/usr/bin:/bin", ODD: odd };
		const ran = await runIn(await taken(spares), [process.execPath, "-e", script, odd, ""], environment, cwd);
		expect(ran.exitCode).toBe(0);
		const [words, variables, stands] = JSON.parse(ran.output);
		expect(words).toEqual([odd, ""]);
		expect(variables).toEqual(environment);
		expect(stands).toBe(cwd);
	});

	test("stands in its control group from the first instruction of the command on", async () => {
		await using spares = createSpares(groups!, 1, 0);
		const spare = await taken(spares);
		const ran = await runIn(spare, ["cat", "/proc/self/cgroup"], { PATH: "/usr/bin:/bin" });
		expect(ran.output).toContain(spare.controlGroup.path.split("/").at(-1));
	});

	test("has no input, and another takes its place", async () => {
		await using spares = createSpares(groups!, 1, 0);
		for (let i = 0; i < 3; i++)
			expect(await runIn(await taken(spares), ["wc", "-c"], { PATH: "/usr/bin:/bin" })).toEqual({ exitCode: 0, output: "0\n" });
	});

	test("is gone with its group when nothing was made of it", async () => {
		let spare: Spare;
		{
			await using spares = createSpares(groups!, 2, 0);
			spare = await taken(spares);
			await spare[Symbol.asyncDispose]();
		}
		expect(spare.child.exitCode).toBe(0);
		expect(existsSync(spare.controlGroup.path)).toBe(false);
	});

	test("ends with whoever made it, because its input ends", async () => {
		await using spares = createSpares(groups!, 1, 0);
		const spare = await taken(spares);
		spare.child.ref();
		spare.child.stdin!.destroy();
		expect(await once(spare.child, "exit")).toEqual([0, null]);
		await spare[Symbol.asyncDispose]();
	});
});

test("a program that looks like a variable, and what is very long, is started directly", () => {
	expect(suitsSpare(["true"], { PATH: "/bin" })).toBe(true);
	expect(suitsSpare(["a=b"], {})).toBe(false);
	expect(suitsSpare(["echo", "x".repeat(40_000)], {})).toBe(false);
});
