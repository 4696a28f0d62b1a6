import { describe, expect, it } from "vitest";
import { parserNames } from "#mcp/reports/parser-names.ts";
import { Commands } from "./commands.ts";
import { describeMeaning } from "./describe.ts";
import { isMeaningless, type Meaningless, type Recipe } from "./recipe.ts";
import { recipeFor, recogniseProject } from "./recognise.ts";
import { said, treeOf } from "./tree.fixture.ts";

const cargo = { "Cargo.toml": '[package]\nname = "acme"\n' };
const node = (scripts: Readonly<Record<string, string>>) => ({ "package.json": JSON.stringify({ scripts }) });
const makefile = { Makefile: "lint:\ntest:\n" };

describe("several kinds of project at one root", () => {
	it("are asked in a fixed order, and the answer says who would come after", async () => {
		const files = { ...makefile, ...node({ test: "jest" }), ...cargo };
		expect(await recipeFor(treeOf(files), "test")).toMatchObject({
			typed: "cargo test",
			because: "Cargo.toml; package.json, Makefile would come after Cargo.toml",
		});
	});

	it("are asked until one can mean the verb, and the answer says who could not", async () => {
		const files = { ...makefile, ...node({ test: "jest" }) };
		expect(await recipeFor(treeOf(files), "clippy")).toMatchObject({
			typed: "make lint",
			because:
				'Makefile, target lint; package.json has no script "lint", and neither eslint nor biome is configured; its scripts are: test',
		});
	});

	it("are not asked further for an argument: it means nothing in the one that means the verb", async () => {
		expect(await said({ ...makefile, ...node({ test: "jest" }) }, "test", { features: ["a"] })).toMatch(/^features: .*`npm test`/);
	});

	it("are asked further for a package: it may be one of another kind", async () => {
		const files = {
			...cargo,
			"package.json": JSON.stringify({ workspaces: ["web"] }),
			"web/package.json": JSON.stringify({ name: "web", scripts: { test: "jest" } }),
		};
		expect(await said(files, "test", { package: "web" })).toBe("npm test --workspace=web");
		expect(await said(files, "test", { package: "wep" })).toBe('package: Cargo.toml has no package "wep"; its packages are: acme');
		expect(await said(files, "test", { package: "web", features: ["a"] })).toMatch(/^features: features means nothing to `npm test/);
	});

	it("each say what they lack when none can mean it", async () => {
		expect(await said({ Makefile: "all:\n", ...node({}) }, "test")).toBe(
			'verb: package.json has no script "test"; it has no scripts; Makefile has no target test or check; its targets are: all',
		);
	});
});

describe("projects below the root", () => {
	const below = {
		"README.md": "",
		"server/Cargo.toml": '[package]\nname = "s"\n',
		"apps/web/package.json": JSON.stringify({ scripts: { test: "jest" } }),
	};

	it("are meant when there is but one", async () => {
		const { "apps/web/package.json": _, ...one } = below;
		expect(await recipeFor(treeOf(one), "test")).toMatchObject({ typed: "cargo test", directory: "server", because: "server/Cargo.toml" });
	});

	it("are named when there are several, and chosen by package", async () => {
		expect(await recipeFor(treeOf(below), "test")).toEqual({
			sentence: "there is no project at the root; below it there is: apps/web (package.json), server (Cargo.toml)",
			hint: 'give its directory as package, as in "apps/web", or say in .covey.toml what to run',
		});
		expect(await said(below, "test", { package: "apps/web/", filter: "x" })).toBe("npm test -- --testNamePattern=x in apps/web");
	});

	it("are named when the root cannot mean the verb, and chosen by package before the root refuses it", async () => {
		const files = { ...below, Makefile: "install:\n" };
		expect(await said(files, "test")).toBe(
			"verb: Makefile has no target test or check; its targets are: install; below it there is: apps/web (package.json), server (Cargo.toml)",
		);
		expect(await said(files, "test", { package: "server" })).toBe("cargo test in server");
		expect(await said({ ...files, Makefile: "test:\n" }, "test", { package: "server" })).toBe("cargo test in server");
	});

	it("are not looked for among vendored, hidden and generated files", async () => {
		const files = { "node_modules/a/package.json": "{}", ".cache/Cargo.toml": "", "target/x/Cargo.toml": "", "notes.txt": "" };
		expect(await recipeFor(treeOf(files), "test")).toEqual({
			sentence: "no kind of project that Covey knows is in the root; there is: node_modules, .cache, target, notes.txt",
			hint: "use run_command, or say in .covey.toml what [commands.build], [commands.clippy] and [commands.test] run",
		});
	});
});

describe(".covey.toml", () => {
	const test = (text: string, more = {}) => ({ ...cargo, ".covey.toml": `[commands.test]\n${text}\n`, ...more });

	it("says what a verb runs, whatever the tree is", async () => {
		const text =
			'command = ["make", "check"]\ndirectory = "sub"\nparser = "pytest"\npull = ["report.xml"]\nenvironment = { A = "b" }\nchanges_tree = true';
		expect(await recipeFor(treeOf(test(text)), "test")).toEqual({
			command: ["make", "check"],
			directory: "sub",
			environment: { NO_COLOR: "1", TERM: "dumb", CI: "1", A: "b" },
			parser: "pytest",
			pull: ["report.xml"],
			changesTree: true,
			because: ".covey.toml, [commands.test]",
			typed: "make check",
		});
		expect(await said(test(text), "build")).toBe("cargo build --message-format=json");
	});

	it("says what arguments add, and has no others", async () => {
		const text = 'command = ["t"]\nfilter_argument = "--only={}"\npackage_argument = ["-p", "{}"]\nfeatures_argument = "-F{}"';
		const files = test(text);
		expect(await said(files, "test", { filter: "-x $&", package: "a", features: ["b", "c"] })).toBe("t -p a -Fb,c '--only=-x $&'");
		expect(await said(files, "test", { package: "--evil" })).toMatch(/^package: .*begins with "-"/);
		expect(await said(files, "test", { release: true })).toBe("release: release means nothing to `t` (.covey.toml, [commands.test])");
	});

	it("takes a line for sh, to which arguments are words", async () => {
		const recipe = (await recipeFor(treeOf(test('command = "make all && ./t \\"$@\\""\nfilter_argument = "{}"')), "test", {
			filter: "a; b",
		})) as Recipe;
		expect(recipe).toMatchObject({ command: ["sh", "-c", 'make all && ./t "$@"', "sh", "a; b"], typed: "make all && ./t 'a; b'" });
	});

	it("changes a recognised command without a command of its own", async () => {
		expect(await recipeFor(treeOf(test('parser = "generic"\npull = ["target/x"]')), "test", { filter: "x" })).toMatchObject({
			typed: "cargo test x",
			parser: "generic",
			pull: ["target/x"],
			because: "Cargo.toml; .covey.toml, [commands.test]",
		});
		const other = { "web/package.json": JSON.stringify({ scripts: { test: "jest" } }) };
		expect(await said(test('directory = "./web/"', other), "test", { filter: "x" })).toBe("npm test -- --testNamePattern=x in web");
	});

	it("says what mends", async () => {
		const files = {
			...cargo,
			".covey.toml": '[commands.clippy]\nfix = "make fmt"\n[commands.fmt]\ncommand = ["make", "fmt"]\nchanges_tree = true\n',
		};
		expect(await recipeFor(treeOf(files), "clippy", { fix: true })).toMatchObject({
			command: ["sh", "-c", "make fmt", "sh"],
			changesTree: true,
		});
		expect(await said(files, "clippy")).toBe("cargo clippy --message-format=json --all-targets");
		expect(await said(test('command = ["t"]'), "test", { fix: true })).toMatch(/^fix: .covey.toml, \[commands.test\] has no fix/);
	});

	it("declares commands of other names", async () => {
		const project = await recogniseProject(treeOf({ ".covey.toml": '[commands.fmt]\ncommand = ["make", "fmt"]\nchanges_tree = true\n' }));
		expect(project.declared).toEqual(["fmt"]);
		expect(await project.command("fmt")).toMatchObject({ command: ["make", "fmt"], changesTree: true });
		expect(await project.command("constructor")).toMatchObject({
			sentence: '.covey.toml declares no command "constructor"; it declares: fmt',
		});
	});

	const broken: readonly [string, string][] = [
		["[commands.test]\ncommand = = 1", ".covey.toml:2:"],
		["[commands.test]\ncomand = []", ".covey.toml: commands.test.comand: no such key"],
		["[commands.test]\ncommand = []", '.covey.toml: commands.test.command: is no command; write ["make", "check"]'],
		['[commands.test]\ncommand = ["a\\u0000b"]', "commands.test.command"],
		['[commands.test]\nparser = "tap"', ".covey.toml: commands.test.parser: is no parser; there are: auto,"],
		['[commands.test]\ncommand = ["t"]\nfilter_argument = "-k"', "commands.test.filter_argument: must hold {} for the value"],
		['[commands.test]\nfilter_argument = "{}"', "commands.test.filter_argument: says what to add to a command"],
		[
			'[commands.test]\ncommand = "t"\nfilter_argument = "{}"',
			'commands.test.filter_argument: would go nowhere: command is a line for sh, and does not hold "$@"',
		],
		['[commands.test]\npull = ["../secret"]', "commands.test.pull.0: must be a path inside of the tree"],
		['[commands.test]\ndirectory = "/etc"', "commands.test.directory: must be a path inside of the tree"],
		['[commands.test]\nenvironment = { "A=B" = "" }', "commands.test.environment.A=B: is no name of a variable"],
		["[commands.Test]", "commands.Test: is no name of a command"],
		["[commands.deploy]", "commands.deploy.command: is missing; only build, clippy, test have one of their own"],
		["commands = 1", ".covey.toml: commands: "],
	];
	it.each(broken)("that says %j is refused by name", async (text, says) => {
		const meaning = (await recipeFor(treeOf({ ...cargo, ".covey.toml": text }), "test")) as Meaningless;
		expect(meaning.sentence).toContain(says);
		expect(meaning.hint).toContain("mend that line");
	});

	it("is asked before what a project file above declares, and replaces it", async () => {
		const above = Commands.parse({ test: { command: ["above"] }, build: { command: ["above"] } });
		const typed = async (files: Readonly<Record<string, string>>, verb: "test" | "build") =>
			((await recipeFor(treeOf(files), verb, {}, above)) as Recipe).typed;
		expect(await typed(cargo, "test")).toBe("above");
		expect(await typed(test('command = ["own"]'), "test")).toBe("own");
		expect(await typed(test('command = ["own"]'), "build")).toBe("cargo build --message-format=json");
	});

	it("may name every parser that there is", () => {
		for (const parser of parserNames) expect(Commands.safeParse({ test: { parser } }).success).toBe(true);
	});
});

describe("a description", () => {
	it("is one sentence, of what is meant or why nothing is", async () => {
		const sentence = async (files: Readonly<Record<string, string>>) => describeMeaning("test", await recipeFor(treeOf(files), "test"));
		expect(await sentence(cargo)).toBe("test means `cargo test` (Cargo.toml)");
		expect(await sentence({ "a/Cargo.toml": "" })).toBe("test means `cargo test` in a (a/Cargo.toml)");
		expect(await sentence(node({}))).toBe('test means nothing here: package.json has no script "test"; it has no scripts');
	});
});

it("files that cannot be read as what they are stop nobody: the tool will say what is wrong", async () => {
	for (const [file, text] of [
		["Cargo.toml", "= = ="],
		["package.json", "{"],
		["nx.json", "[]"],
		["turbo.json", '"x"'],
		["go.mod", ""],
		["pyproject.toml", "["],
		["pom.xml", "<"],
		["go.work", "use"],
	] as const)
		for (const verb of ["build", "clippy", "test"] as const)
			expect(isMeaningless(await recipeFor(treeOf({ [file]: text }), verb, { package: "x" })), `${file} ${verb}`).toBe(true);
});
