import { execFile } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasCargo, rustupHome } from "#host/machine/toolchains.fixture.ts";
import { isMeaningless, type Verb, type VerbArguments } from "./recipe.ts";
import { recipeFor } from "./recognise.ts";
import { treeOf } from "./tree.fixture.ts";

/** A small project on disk, in which recipes are really run. */
class RealProject implements Disposable {
	readonly root = mkdtempSync(join(tmpdir(), "covey-project-"));
	readonly files: Record<string, string>;

	constructor(files: Readonly<Record<string, string>>) {
		this.files = { ...files };
		for (const [path, text] of Object.entries(files)) this.write(path, text);
	}

	write(path: string, text: string): void {
		this.files[path] = text;
		mkdirSync(dirname(join(this.root, path)), { recursive: true });
		writeFileSync(join(this.root, path), text);
	}

	async run(verb: Verb, given: VerbArguments = {}): Promise<{ readonly code: number; readonly output: string }> {
		const recipe = await recipeFor(treeOf(this.files), verb, given);
		if (isMeaningless(recipe)) throw new Error(recipe.sentence);
		const [program, ...words] = recipe.command as [string, ...string[]];
		const { PATH, HOME, TMPDIR } = process.env;
		const env = { PATH, HOME, TMPDIR, ...(rustupHome && { RUSTUP_HOME: rustupHome }), ...recipe.environment };
		return new Promise((resolve) => {
			execFile(program, words, { cwd: join(this.root, recipe.directory ?? ""), env, timeout: 150_000 }, (error, stdout, stderr) =>
				resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, output: stdout + stderr }),
			);
		});
	}

	[Symbol.dispose](): void {
		rmSync(this.root, { recursive: true, force: true, maxRetries: 3 });
	}
}

function lacks(program: string): boolean {
	return !(process.env.PATH ?? "").split(delimiter).some((directory) => {
		try {
			accessSync(join(directory, program), constants.X_OK);
			return true;
		} catch {
			return false;
		}
	});
}

const crate = {
	"Cargo.toml": '[package]\nname = "acme"\nversion = "0.1.0"\nedition = "2021"\n',
	"src/lib.rs": "pub fn one() -> i32 { return 1; }\n#[test]\nfn adds() { assert_eq!(one(), 2); }\n#[test]\nfn holds() {}\n",
};
const npm = {
	"package.json": JSON.stringify({ name: "acme", scripts: { test: "node --test" }, dependencies: { dep: "file:dep" } }),
	"package-lock.json": JSON.stringify({
		name: "acme",
		lockfileVersion: 3,
		requires: true,
		packages: {
			"": { name: "acme", dependencies: { dep: "file:dep" } },
			dep: { version: "1.0.0" },
			"node_modules/dep": { resolved: "dep", link: true },
		},
	}),
	"dep/package.json": JSON.stringify({ name: "dep", version: "1.0.0" }),
	"dep/index.js": "module.exports = 1;",
	"sum.test.js":
		'const { test } = require("node:test");\ntest("adds", () => { if (require("dep") !== 2) throw new Error("not two"); });\ntest("holds", () => {});\n',
};

describe.concurrent("a failing test of a real project fails its recipe", () => {
	test.skipIf(!hasCargo())("cargo, whose filter and linter work too [needs cargo]", { timeout: 200_000 }, async () => {
		using project = new RealProject(crate);
		const whole = await project.run("test");
		expect(whole.output).toMatch(/test adds \.\.\. FAILED/);
		expect(whole.output).not.toContain("stack backtrace");
		expect(whole.code).toBe(101);
		expect(await project.run("test", { filter: "holds", package: "acme", nocapture: true })).toMatchObject({ code: 0 });
		const lint = await project.run("clippy");
		// A worker may have no clippy; then cargo says so.
		expect(lint.output).toMatch(/"code":"clippy::needless_return"|no such command/);
	});

	test.skipIf(lacks("npm"))(
		"npm, which installs first, and again only for another lockfile [needs npm]",
		{ timeout: 200_000 },
		async () => {
			using project = new RealProject(npm);
			const first = await project.run("test");
			expect(first.output).toMatch(/not two/);
			expect(first.output).toMatch(/added \d+ package/);
			expect(first.code).toBe(1);
			const second = await project.run("test", { filter: "holds" });
			expect(second.output).not.toMatch(/added \d+ package|not two/);
			expect(second.code).toBe(0);
			project.write("package-lock.json", `${npm["package-lock.json"]}\n`);
			expect((await project.run("test")).output).toMatch(/added \d+ package/);
			project.write("package-lock.json", "{}");
			const broken = await project.run("test", { filter: "holds" });
			expect(broken.output).toMatch(
				/covey: npm ci --no-audit --no-fund failed with \d+, so npm test -- --test-name-pattern=holds did not run/,
			);
			expect(broken.code).not.toBe(0);
		},
	);

	test.skipIf(lacks("go"))("go [needs go]", { timeout: 200_000 }, async () => {
		using project = new RealProject({
			"go.mod": "module example.com/acme\n\ngo 1.20\n",
			"sum/sum_test.go":
				'package sum\n\nimport "testing"\n\nfunc TestAdds(t *testing.T) { t.Fatal("not two") }\nfunc TestHolds(t *testing.T) {}\n',
		});
		const whole = await project.run("test");
		expect(whole.output).toContain("not two");
		expect(whole.code).toBe(1);
		expect(await project.run("test", { filter: "Holds", package: "sum" })).toMatchObject({ code: 0 });
	});

	test.skipIf(lacks("pytest"))("pytest [needs pytest]", async () => {
		using project = new RealProject({
			"pyproject.toml": "[tool.pytest.ini_options]\n",
			"tests/test_sum.py": "def test_adds():\n    assert 1 + 1 == 3\n\ndef test_holds():\n    pass\n",
		});
		const whole = await project.run("test");
		expect(whole.output).toMatch(/FAILED tests\/test_sum.py::test_adds/);
		expect(whole.code).toBe(1);
		expect(await project.run("test", { filter: "holds", nocapture: true })).toMatchObject({ code: 0 });
		expect(await project.run("test", { filter: "tests/test_sum.py::test_holds" })).toMatchObject({ code: 0 });
	});

	test.skipIf(lacks("cmake"))("cmake and ctest, which fail too when no test matches [needs cmake]", { timeout: 200_000 }, async () => {
		using project = new RealProject({
			"CMakeLists.txt":
				"cmake_minimum_required(VERSION 3.20)\nproject(acme NONE)\nenable_testing()\nadd_test(NAME adds COMMAND false)\nadd_test(NAME holds COMMAND true)\n",
		});
		const whole = await project.run("test");
		expect(whole.output).toMatch(/adds \(Failed\)/);
		expect(whole.code).toBe(8);
		expect(await project.run("test", { filter: "holds" })).toMatchObject({ code: 0 });
		expect((await project.run("test", { filter: "none" })).code).not.toBe(0);
		expect(await project.run("build", { release: true })).toMatchObject({ code: 0 });
	});

	test.skipIf(lacks("make"))("make [needs make]", async () => {
		using project = new RealProject({ Makefile: "all:\n\t@echo built\ncheck:\n\t@echo not two; false\n" });
		const whole = await project.run("test");
		expect(whole.output).toContain("not two");
		expect(whole.code).toBe(2);
		expect(await project.run("build")).toEqual({ code: 0, output: "built\n" });
	});

	test.skipIf(lacks("mvn"))("maven [needs maven, and its plugins or the network]", { timeout: 200_000 }, async (context) => {
		using project = new RealProject({
			"pom.xml": [
				'<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
				"<groupId>acme</groupId><artifactId>acme</artifactId><version>1</version>",
				"<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target></properties>",
				"<dependencies><dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.13.2</version><scope>test</scope></dependency></dependencies>",
				"</project>",
			].join("\n"),
			"src/test/java/SumTest.java":
				"import org.junit.Test;\nimport static org.junit.Assert.assertEquals;\npublic class SumTest {\n\t@Test public void adds() { assertEquals(3, 1 + 1); }\n\t@Test public void holds() {}\n}\n",
		});
		const whole = await project.run("test");
		if (/could not be resolved|Could not transfer/.test(whole.output)) context.skip("maven cannot fetch its plugins");
		expect(whole.output).toMatch(/Failed tests:\s+adds\(SumTest\)|SumTest\.adds/);
		expect(whole.code).toBe(1);
		expect(await project.run("test", { filter: "SumTest#holds" })).toMatchObject({ code: 0 });
	});
});
