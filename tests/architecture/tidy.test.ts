import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSources, root, withoutComments } from "./sources.ts";

const linesMax = 400;
/** Files that may be longer, each with its reason. */
const longer: Readonly<Record<string, string>> = {};
const vagueNames = /^(utils?|helpers?|types|common|managers?|misc|shared|lib)(\.|$)/;

const sources = readSources("packages", "tests", "bench", "tools");
const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);

describe("the house is tidy", () => {
	it("no file is longer than 400 lines without a reason", () => {
		const found = sources
			.filter(({ path, text }) => !/\.(test|suite|fixture)\.ts$/.test(path) && !(path in longer) && text.split("\n").length - 1 > linesMax)
			.map(
				({ path, text }) =>
					`${path}: ${text.split("\n").length - 1} lines: split it by responsibility, or write its reason into tidy.test.ts`,
			);
		expect(found).toEqual([]);
	});

	it("files are named in kebab-case by what they hold", () => {
		const found = sources
			.map(({ path }) => path)
			.filter(
				(path) =>
					!/^[a-z0-9][a-z0-9-]*(\.(test|suite|fixture))?\.tsx?$/.test(basename(path)) ||
					path.split("/").some((part) => vagueNames.test(part)),
			)
			.map((path) => `${path}: name it by the one noun or verb it holds, in kebab-case`);
		expect(found).toEqual([]);
	});

	it("no test is skipped, focused or left to do without saying why", () => {
		const found = sources.flatMap(({ path, text }) =>
			[...withoutComments(text).matchAll(/\b(?:it|test|describe)\.(only|todo|skip)\b/g)].map(
				(match) => `${path}: ${match[0]}: use it.skipIf(reason) from tests/kit, or finish it`,
			),
		);
		expect(found).toEqual([]);
	});

	it("nothing names this machine or a registry", () => {
		const home = /\/(root|home\/[a-z]+|Users\/[a-z]+)\/|"resolved": "https?:/;
		const found = tracked
			.filter((path) => !/\.(png|ico|db)$/.test(path))
			.flatMap((path) => {
				const match = home.exec(readFileSync(join(root, path), "utf8"));
				return match ? [`${path}: '${match[0]}': a path or host of one machine`] : [];
			});
		expect(found).toEqual([]);
	});

	it("the version of the build is the package's", async () => {
		const manifest = JSON.parse(readFileSync(join(root, "packages/covey/package.json"), "utf8"));
		expect((await import("../../packages/covey/src/kit/version.ts")).version).toBe(manifest.version);
	});
});
