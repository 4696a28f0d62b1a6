import { describe, expect, it } from "vitest";
import type { Meaningless, Recipe, Verb, VerbArguments } from "./recipe.ts";
import { recipeFor } from "./recognise.ts";
import { treeOf } from "./tree.fixture.ts";

const manifest = (scripts: Readonly<Record<string, string>>, more: object = {}) => JSON.stringify({ name: "root", scripts, ...more });
const scripts = (scripts: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}) => ({
	"package.json": manifest(scripts),
	...more,
});

type Case = readonly [string, Readonly<Record<string, string>>, Verb, VerbArguments, Partial<Recipe> | string];
const cases: readonly Case[] = [
	["the script test", scripts({ test: "mocha" }), "test", {}, { typed: "npm test", parser: "auto", because: "package.json, script test" }],
	["the script lint", scripts({ lint: "eslint ." }), "clippy", {}, { typed: "npm run lint", parser: "eslint" }],
	["several tools in one script", scripts({ lint: "eslint . && tsc -p ." }), "clippy", {}, { typed: "npm run lint", parser: "auto" }],
	["the script build", scripts({ build: "tsc" }), "build", {}, { typed: "npm run build", parser: "tsc" }],
	[
		"vitest by name",
		scripts({ test: "vitest run" }),
		"test",
		{ filter: "adds two" },
		{ typed: "npm test -- '--testNamePattern=adds two'", parser: "vitest" },
	],
	[
		"jest behind its wrappers",
		scripts({ test: "FOO=1 cross-env A=b npx c8 --all jest --ci" }),
		"test",
		{ filter: "-x" },
		"npm test -- --testNamePattern=-x",
	],
	[
		"jest by its file",
		scripts({ test: "node --experimental-vm-modules node_modules/jest/bin/jest.js" }),
		"test",
		{ filter: "x" },
		"npm test -- --testNamePattern=x",
	],
	["mocha", scripts({ test: "npm run build && mocha" }), "test", { filter: "x" }, { typed: "npm test -- --grep=x", parser: "auto" }],
	["node's own runner", scripts({ test: "node --import tsx --test" }), "test", { filter: "x" }, "npm test -- --test-name-pattern=x"],
	["what passing tests print", scripts({ test: "jest" }), "test", { nocapture: true }, "npm test"],
	[
		"the script that mends",
		scripts({ lint: "x", "lint:fix": "y" }),
		"clippy",
		{ fix: true },
		{ typed: "npm run lint:fix", changesTree: true },
	],
	[
		"eslint that mends",
		scripts({ lint: "eslint src" }),
		"clippy",
		{ fix: true },
		{ typed: "npm run lint -- --fix", parser: "eslint", changesTree: true },
	],
	["biome that mends", scripts({ lint: "biome check ." }), "clippy", { fix: true }, "npm run lint -- --write"],
	["eslint without a script", scripts({}, { "eslint.config.mjs": "" }), "clippy", {}, { typed: "npx eslint .", parser: "eslint" }],
	["biome without a script", scripts({}, { "biome.json": "" }), "clippy", { fix: true }, "npx biome check --write"],
	[
		"pnpm by its lockfile",
		scripts({ test: "jest" }, { "pnpm-lock.yaml": "" }),
		"test",
		{ filter: "x" },
		"pnpm run test --testNamePattern=x",
	],
	["yarn", scripts({ test: "jest" }, { "yarn.lock": "" }), "test", { filter: "x" }, "yarn run test --testNamePattern=x"],
	["bun", scripts({ test: "bun test" }, { "bun.lock": "" }), "test", { filter: "x" }, "bun run test --test-name-pattern=x"],
	[
		"packageManager before a lockfile",
		{ "package.json": manifest({ test: "jest" }, { packageManager: "pnpm@9.1.0" }), "package-lock.json": "{}" },
		"test",
		{},
		"pnpm run test",
	],
];

const delegating: readonly Case[] = [
	[
		"a script that runs another",
		scripts({ test: "yarn test:app --ci", "test:app": "jest" }, { "yarn.lock": "" }),
		"test",
		{ filter: "x" },
		{ typed: "yarn run test --testNamePattern=x", parser: "jest" },
	],
	["a script that runs what is no script", scripts({ test: "npm run a", a: "npm run b" }), "test", {}, { parser: "auto" }],
	[
		"arguments through npm, thrice",
		scripts({ test: "npm run unit", unit: "npm run it", it: "jest" }),
		"test",
		{ filter: "x" },
		"npm test -- -- -- --testNamePattern=x",
	],
	[
		"arguments through npm, once",
		scripts({ lint: "npm run l -- --cache", l: "eslint ." }),
		"clippy",
		{ fix: true },
		"npm run lint -- --fix",
	],
];

const monorepo = {
	"package.json": JSON.stringify({ scripts: { build: "tsc -b" }, workspaces: ["packages/*", "!packages/old"] }),
	"packages/a/package.json": JSON.stringify({ name: "@acme/a", scripts: { test: "vitest run" } }),
	"packages/b/package.json": JSON.stringify({ name: "@acme/b", scripts: { lint: "eslint ." } }),
	"packages/old/package.json": JSON.stringify({ name: "@acme/old", scripts: { test: "jest" } }),
	"packages/README.md": "",
};
const pnpm = {
	"package.json": "{}",
	"pnpm-lock.yaml": "",
	"pnpm-workspace.yaml": "packages:\n  # all\n  - 'packages/**'\n  - tools\n\ncatalog:\n  - no\n",
	"packages/deep/a/package.json": JSON.stringify({ name: "a", scripts: { test: "jest" } }),
	"tools/package.json": JSON.stringify({ name: "tools", scripts: {} }),
	"no/package.json": JSON.stringify({ name: "no", scripts: {} }),
};
const workspaces: readonly Case[] = [
	["a member by name", monorepo, "test", { package: "@acme/a", filter: "x" }, "npm test --workspace=@acme/a -- --testNamePattern=x"],
	[
		"a member by directory",
		monorepo,
		"clippy",
		{ package: "packages/b" },
		{ typed: "npm run lint --workspace=@acme/b", because: expect.stringContaining("packages/b/package.json, script lint") as string },
	],
	[
		"all members that have the script",
		monorepo,
		"test",
		{},
		{ typed: "npm test --workspaces --if-present", because: expect.stringContaining("script test of @acme/a;") as string },
	],
	["a member for pnpm", pnpm, "test", { package: "a" }, "pnpm --filter=a run test"],
	["a member for yarn", { ...monorepo, "yarn.lock": "" }, "test", { package: "@acme/a" }, "yarn workspace @acme/a run test"],
	["a member for bun", { ...monorepo, "bun.lockb": "" }, "test", { package: "@acme/a" }, "bun run --filter=@acme/a test"],
];

type Refusal = readonly [string, Readonly<Record<string, string>>, Verb, VerbArguments, RegExp, keyof VerbArguments | undefined];
const refused: readonly Refusal[] = [
	[
		"a verb without a script",
		scripts({ build: "tsc", test: "jest" }),
		"clippy",
		{},
		/^package.json has no script "lint", and neither eslint nor biome is configured; its scripts are: build, test$/,
		undefined,
	],
	[
		"npm's placeholder",
		scripts({ test: 'echo "Error: no test specified" && exit 1' }),
		"test",
		{},
		/no script "test"; it has no scripts/,
		undefined,
	],
	["a script that never ends", scripts({ test: "jest --watchAll" }), "test", {}, /`jest --watchAll`, which waits for changes/, undefined],
	["features", scripts({ test: "jest" }), "test", { features: ["a"] }, /^features means nothing to `npm test`/, "features"],
	["release", scripts({ build: "tsc" }), "build", { release: true }, /^release means nothing to `npm run build`/, "release"],
	[
		"a filter for an unknown tool",
		scripts({ test: "./run.sh" }),
		"test",
		{ filter: "x" },
		/`\.\/run\.sh`, and what it ends in is no test runner/,
		"filter",
	],
	["a filter behind a pipe", scripts({ test: "jest | tee log" }), "test", { filter: "x" }, /is no test runner/, "filter"],
	["a filter in a comment", scripts({ test: "jest # fast" }), "test", { filter: "x" }, /is no test runner/, "filter"],
	[
		"a filter behind files of node --test",
		scripts({ test: "node --test test/*.js" }),
		"test",
		{ filter: "x" },
		/to which no filter can be added/,
		"filter",
	],
	["a filter for all packages", monorepo, "test", { filter: "x" }, /script test of each package is run/, "filter"],
	[
		"mending by a script of several",
		scripts({ lint: "eslint . && tsc" }),
		"clippy",
		{ fix: true },
		/no script "lint:fix".*cannot tell to mend/,
		"fix",
	],
	["mending by biome ci", scripts({ lint: "biome ci" }), "clippy", { fix: true }, /cannot tell to mend/, "fix"],
	[
		"a script that only some packages have, with yarn 1",
		{ ...monorepo, "yarn.lock": "" },
		"test",
		{},
		/no script "test"; of its packages these have: @acme\/a; and yarn 1/,
		undefined,
	],
	["a script that runs itself", scripts({ test: "npm test" }), "test", { filter: "x" }, /is no test runner/, "filter"],
	["a package that is none", monorepo, "test", { package: "@acme/old" }, /its packages are: @acme\/a, @acme\/b/, "package"],
	[
		"a package without the script",
		monorepo,
		"test",
		{ package: "@acme/b" },
		/packages\/b\/package.json has no script "test"; its scripts are: lint/,
		"package",
	],
	["a package where no workspace is", scripts({ test: "jest" }), "test", { package: "x" }, /package.json is no workspace/, "package"],
];

const filtered: readonly [string, boolean][] = [
	["vitest", true],
	["vitest run --coverage", true],
	["npx vitest", true],
	["pnpm exec vitest run", true],
	["yarn jest", true],
	["TZ=UTC jest 'a;b'", true],
	["node --test", true],
	["react-scripts test", true],
	["playwright test", true],
	["jest && vitest run", false],
	["npm run build && vitest run", true],
	["tsc && (cd x && jest)", false],
	["jest || true", false],
	["npm run test:unit", false],
	["yarn test:unit", false],
	["playwright install", false],
	["node scripts/test.js", false],
	["echo jest; ls", false],
	["", false],
];

describe("node", () => {
	it.each(filtered)("the script %j takes a filter: %j", async (test, takes) => {
		const { sentence } = (await recipeFor(treeOf(scripts({ test })), "test", { filter: "x" })) as Meaningless;
		expect(sentence === undefined).toBe(takes);
	});

	it.each([...cases, ...delegating, ...workspaces])("%s", async (_, files, verb, given, expected) => {
		const recipe = (await recipeFor(treeOf(files), verb, given)) as Recipe & Meaningless;
		expect(recipe.sentence).toBeUndefined();
		expect(recipe).toMatchObject(typeof expected === "string" ? { typed: expected } : expected);
	});

	it.each(refused)("refuses %s", async (_, files, verb, given, sentence, argument) => {
		const meaning = await recipeFor(treeOf(files), verb, given);
		expect(meaning).toMatchObject({ sentence: expect.stringMatching(sentence), hint: expect.stringMatching(/\w{3}/) });
		expect((meaning as Meaningless).argument).toBe(argument);
	});
});

describe("the dependencies of a fresh worktree", () => {
	const locked = { "package.json": manifest({ test: "jest" }, { devDependencies: { jest: "1" } }), "package-lock.json": "{}" };
	const because = async (files: Readonly<Record<string, string>>) => ((await recipeFor(treeOf(files), "test")) as Recipe).because;

	it("are installed first, as the lockfile says, by what the project uses", async () => {
		expect(await because(locked)).toBe(
			"package.json, script test; `npm ci --no-audit --no-fund` first, unless node_modules is of this package-lock.json",
		);
		const { "package-lock.json": _, ...unlocked } = locked;
		expect(await because(unlocked)).toContain(
			"`npm install --no-package-lock --no-audit --no-fund` first, unless node_modules is of this package.json",
		);
		expect(await because({ ...unlocked, "pnpm-lock.yaml": "" })).toContain("`pnpm install --frozen-lockfile` first");
		expect(await because({ ...unlocked, "yarn.lock": "" })).toContain("`yarn install --frozen-lockfile` first");
		expect(await because({ ...unlocked, "yarn.lock": "", ".yarnrc.yml": "" })).toContain(
			"`yarn install --immutable` first, unless .pnp.cjs",
		);
		expect(await because({ ...unlocked, "yarn.lock": "", ".yarnrc.yml": "nodeLinker: node-modules" })).toContain("unless node_modules is");
		expect(await because({ ...unlocked, "bun.lock": "" })).toContain("`bun install --frozen-lockfile` first");
	});

	it("are left alone when there are none, or they are tracked", async () => {
		expect(await because(scripts({ test: "jest" }, { "package-lock.json": "{}" }))).toBe("package.json, script test");
		expect(await because({ ...locked, "node_modules/jest/package.json": "{}" })).toBe("package.json, script test");
	});
});
