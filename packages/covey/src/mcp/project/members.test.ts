import { expect, it } from "vitest";
import { expand } from "./members.ts";
import type { ProjectFiles } from "./recipe.ts";
import { treeOf } from "./tree.fixture.ts";

const tree = treeOf({
	"packages/a/package.json": "",
	"packages/b.c/package.json": "",
	"packages/deep/er/package.json": "",
	"packages/a/src/inner/x": "",
	"packages/node_modules/x/y": "",
	"tools/package.json": "",
});

const cases: readonly [readonly string[], readonly string[]][] = [
	[["packages/*"], ["packages/a", "packages/b.c", "packages/deep"]],
	[["packages/*.c"], ["packages/b.c"]],
	[
		["./tools/", "gone"],
		["gone", "tools"],
	],
	[["packages/**"], ["packages", "packages/a", "packages/deep", "packages/deep/er"]],
	[["*", "!tools"], ["packages"]],
	[
		["packages/*", "!packages/d*"],
		["packages/a", "packages/b.c"],
	],
	[["../*", "packages/../../x"], []],
	[[], []],
];
it.each(cases)("%j are the directories %j", async (patterns, directories) => {
	expect(await expand(tree, patterns)).toEqual(directories);
});

it("a tree without end is looked at within bounds", async () => {
	let listed = 0;
	const endless: ProjectFiles = {
		read: () => Promise.resolve(undefined),
		list: () => {
			listed++;
			return Promise.resolve(Array.from({ length: 50 }, (_, index) => `d${index}`));
		},
	};
	expect((await expand(endless, ["**", "**/*/**"])).length).toBeLessThanOrEqual(1000);
	expect(listed).toBeLessThanOrEqual(300);
});
