import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Preparation, prepared } from "./prepare.ts";

const preparation: Preparation = {
	install: "mkdir -p deps && echo done >> installs",
	makes: "deps",
	inputs: ["lock"],
	version: "cat version",
	because: "",
};

class Tree implements Disposable {
	readonly root = mkdtempSync(join(tmpdir(), "covey-prepare-"));
	constructor() {
		this.write("lock", "1");
		this.write("version", "1");
	}
	write(name: string, text: string): void {
		writeFileSync(join(this.root, name), text);
	}
	get installs(): number {
		return readFileSync(join(this.root, "installs"), "utf8").trim().split("\n").length;
	}
	run(changes: Partial<Preparation> = {}, command: readonly string[] = ["printf", "%s|", "ran", "a b", "$x"]) {
		const [program, ...words] = prepared({ ...preparation, ...changes }, command, "it's all") as [string, ...string[]];
		const env = { ...process.env, PATH: `${this.root}:${process.env.PATH}` };
		const { status, stdout, stderr } = spawnSync(program, words, { cwd: this.root, encoding: "utf8", env });
		return { status, stdout, stderr };
	}
	[Symbol.dispose](): void {
		rmSync(this.root, { recursive: true, force: true });
	}
}

test("what is prepared is prepared once, until an input or the tool is another", () => {
	using tree = new Tree();
	const ran = { status: 0, stdout: "ran|a b|$x|", stderr: "" };
	expect([tree.run(), tree.run()]).toEqual([ran, ran]);
	expect(tree.installs).toBe(1);
	tree.write("lock", "2");
	expect([tree.run(), tree.run()]).toEqual([ran, ran]);
	expect(tree.installs).toBe(2);
	tree.write("version", "2");
	tree.run();
	expect(tree.installs).toBe(3);
	rmSync(join(tree.root, "deps"), { recursive: true });
	tree.run();
	expect(tree.installs).toBe(4);
	tree.run({ also: ".pnp.cjs" });
	expect(tree.installs).toBe(5);
});

test("a failed preparation says so, and the command does not run, now or the next time", () => {
	using tree = new Tree();
	const install = "(mkdir -p deps; echo no room; exit 7)";
	expect(tree.run({ install })).toEqual({
		status: 7,
		stdout: "",
		stderr: `no room\ncovey: ${install} failed with 7, so it's all did not run\n`,
	});
	expect(tree.run().stdout).toContain("ran|");
	tree.write("lock", "2");
	expect(tree.run({ install: "false" }).status).toBe(1);
	expect(tree.run({ install: "false" }).status).toBe(1);
});

test("what it makes is no change of the tree", () => {
	using tree = new Tree();
	execFileSync("git", ["init", "-q"], { cwd: tree.root });
	tree.run({ install: "mkdir -p deps && touch deps/file" });
	const status = execFileSync("git", ["status", "--porcelain"], { cwd: tree.root, encoding: "utf8" });
	expect(status).toBe("?? lock\n?? version\n");
});

test("the command's exit code is the answer", () => {
	using tree = new Tree();
	expect(tree.run({}, ["sh", "-c", "exit 42"]).status).toBe(42);
});

test("a tool that is missing is brought by npx, in its version, and says so", () => {
	using tree = new Tree();
	tree.write("npx", '#!/bin/sh\necho "npx $*"\n');
	chmodSync(join(tree.root, "npx"), 0o755);
	const brought = { tool: "covey-test-tool", from: "covey-test-tool@1.2.3" };
	expect(tree.run({ brought }, ["covey-test-tool", "run", "a b"])).toEqual({
		status: 0,
		stdout: "npx --yes --package=covey-test-tool@1.2.3 covey-test-tool run a b\n",
		stderr: "covey: covey-test-tool is not installed here, so npx brings covey-test-tool@1.2.3\n",
	});
	expect(tree.run({ brought: { tool: "sh", from: "sh" } }).stderr).toBe("");
});
