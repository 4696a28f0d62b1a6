import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Machine, program } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

const project = "toml@3.0.0";
/** Where a network has its own authority, it is a matter of the machine. */
const { NODE_EXTRA_CA_CERTS: authority } = process.env;
const certificates: Readonly<Record<string, string>> = authority ? { NODE_EXTRA_CA_CERTS: authority } : {};
const path = `${dirname(program[0])}:${process.env.PATH}`;

const quick = ["--silent", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=10000"];

/**
 * A TOML parser whose package ships its grammar, the build that makes a parser of it, and its tests. Undefined where a
 * machine with an empty home, as the worker of this test has, cannot install what it needs.
 */
function fetchProject(): Buffer | undefined {
	const directory = mkdtempSync(join(tmpdir(), "covey-project-"));
	const npm = (...words: string[]) =>
		execFileSync("npm", [...words, ...quick], {
			cwd: directory,
			encoding: "utf8",
			stdio: ["ignore", "pipe", "ignore"],
			env: { PATH: path, HOME: directory, ...certificates },
			timeout: 45_000,
		});
	try {
		const tarball = join(directory, npm("pack", project).trim());
		execFileSync("tar", ["xzf", tarball, "--strip-components=1"], { cwd: directory });
		npm("install", "--ignore-scripts");
		return readFileSync(tarball);
	} catch {
		return undefined;
	} finally {
		rmSync(directory, { recursive: true });
	}
}

const tarball = fetchProject();

test.skipIf(tarball === undefined)(
	"a real project is installed, built and tested from a dirty worktree [needs the npm registry]",
	async () => {
		verifies("real:project");
		await using fleet = await Fleet.start();
		await fleet.join("builder", { machine: await Machine.create({ environment: { PATH: path, ...certificates } }) });
		using repository = new Repository({ ".gitignore": "node_modules/\npackage-lock.json\n" });
		const cwd = repository.directory;
		execFileSync("tar", ["xz", "--strip-components=1"], { cwd, input: tarball! });
		repository.git("add", "-A");
		repository.git("commit", "-qm", "as published");

		// The work in hand: a grammar that knows `yes`, and a test of it that nobody has added yet.
		const grammar = readFileSync(join(cwd, "src/toml.pegjs"), "utf8");
		const cases = "exports.testYes = function(test) { test.deepEqual(toml.parse('a = yes'), { a: true }); test.done(); };\n";
		repository.write({
			"src/toml.pegjs": grammar.replace("= 'true' ", "= ('true' / 'yes') "),
			"test/test_yes.js": `var toml = require('../');\n${cases}`,
		});
		expect(repository.git("status", "--porcelain")).toBe(" M src/toml.pegjs\n?? test/test_yes.js\n");

		const install = await fleet.run(["--", "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd });
		expect(install.code, install.stdout.toString() + install.stderr).toBe(0);
		const tests = await fleet.run(["--json", "--pull", "lib/parser.js", "--", "sh", "-c", "npm run build && npm test"], { cwd });
		const said = tests.stdout.toString();
		expect(tests.code, said + tests.stderr).toBe(0);
		expect(said, "its own tests, unchanged").toContain("testUsingConstructorAsKey");
		expect(said, "and the new one").toContain("testYes");
		expect(said).toMatch(/OK: .*\d+ assertions/);
		expect(recordOf(tests)).toMatchObject({ machine: "builder", outcome: "passed" });
		expect(readFileSync(join(cwd, "lib/parser.js"), "utf8"), "the parser that was built there").toContain('"yes"');
		expect(repository.git("status", "--porcelain")).toBe(" M lib/parser.js\n M src/toml.pegjs\n?? test/test_yes.js\n");
	},
	240_000,
);
