import { expect, it } from "vitest";
import type { Recipe, Verb, VerbArguments } from "./recipe.ts";
import { recipeFor } from "./recognise.ts";
import { said, treeOf } from "./tree.fixture.ts";

const json = JSON.stringify;
const nx = {
	"nx.json": json({ targetDefaults: { build: {} } }),
	"package.json": json({ workspaces: ["packages/*"] }),
	"packages/ui/package.json": json({ name: "@acme/ui", scripts: { test: "jest" } }),
	"packages/ui/project.json": json({ name: "ui" }),
	"apps/web/project.json": `{ // named by its directory\n "targets": { "e2e": {}, }, }`,
};
const turbo = {
	"turbo.json": json({ tasks: { build: {}, "web#test": {}, lint: {} } }),
	"package.json": json({ packageManager: "pnpm@10.1.0" }),
	"pnpm-workspace.yaml": "packages: \n  - apps/*\n",
	"apps/web/package.json": json({ name: "web", scripts: { test: "vitest run", lint: "eslint ." } }),
	"apps/api/package.json": json({ name: "api", scripts: { test: "./test.sh", lint: "eslint src" } }),
};

const cases: readonly [string, Readonly<Record<string, string>>, Verb, VerbArguments, string][] = [
	["a target of all projects", nx, "build", {}, "npx nx run-many -t build"],
	["a target of one project", nx, "test", { package: "ui", nocapture: true }, "npx nx test ui"],
	["a target of the project in a directory", nx, "build", { package: "apps/web" }, "npx nx build web"],
	["by the package manager", { ...nx, "pnpm-lock.yaml": "" }, "build", {}, "pnpm exec nx run-many -t build"],
	[
		"a target that is nowhere",
		nx,
		"clippy",
		{},
		'verb: no project of nx.json has a target "lint"; the targets are: test, e2e, build; package.json has no script "lint", and neither eslint nor biome is configured; it has no scripts',
	],
	[
		"a target that a plugin may find",
		{ ...nx, "nx.json": json({ plugins: ["@nx/eslint/plugin"] }), ".eslintrc.json": "" },
		"clippy",
		{ fix: true },
		"npx nx run-many -t lint --fix",
	],
	["a project that is none", nx, "test", { package: "uii" }, 'package: nx.json has no package "uii"; its packages are: ui, web'],
	[
		"a filter, which Nx does not know",
		nx,
		"test",
		{ filter: "x" },
		"filter: filter means nothing to Nx: what runs the tests of a project takes it in its own way (nx.json)",
	],

	["a task of all packages", turbo, "build", {}, "pnpm exec turbo run build"],
	["a task of one package", turbo, "test", { package: "web" }, "pnpm exec turbo run test --filter=web"],
	[
		"a filter for one package",
		turbo,
		"test",
		{ package: "web", filter: "a b" },
		"pnpm exec turbo run test --filter=web -- '--testNamePattern=a b'",
	],
	["to mend what is one linter everywhere", turbo, "clippy", { fix: true }, "pnpm exec turbo run lint -- --fix"],
	[
		"a task that mends",
		{ ...turbo, "turbo.json": json({ pipeline: { "lint:fix": {} } }) },
		"clippy",
		{ fix: true },
		"pnpm exec turbo run lint:fix",
	],
	[
		"a filter for all packages",
		turbo,
		"test",
		{ filter: "x" },
		"filter: filter means nothing here: the script test of each package is run, and they need not take the same arguments (turbo.json)",
	],
	[
		"a filter for an unknown runner",
		turbo,
		"test",
		{ package: "api", filter: "x" },
		"filter: filter means nothing here: the script test of api ends in no test runner that Covey knows (turbo.json)",
	],
	[
		"a task that is none",
		{ ...turbo, "turbo.json": json({ tasks: { dev: {} } }) },
		"build",
		{},
		'verb: turbo.json has no task "build"; its tasks are: dev; package.json has no script "build"; it has no scripts',
	],
];
it.each(cases)("%s", async (_, files, verb, given, expected) => {
	expect(await said(files, verb, given)).toBe(expected);
});

it("refuses to mend what is not one linter everywhere", async () => {
	const mixed = { ...turbo, "apps/api/package.json": json({ name: "api", scripts: { lint: "biome check" } }) };
	expect(await said(mixed, "clippy", { fix: true })).toMatch(
		/^fix: turbo.json has no task "lint:fix", and the scripts lint cannot all be told alike/,
	);
});

it("starts no daemon of Nx", async () => {
	const recipe = (await recipeFor(treeOf(nx), "build")) as Recipe;
	expect(recipe.environment).toMatchObject({ NX_DAEMON: "false", CI: "1" });
});
