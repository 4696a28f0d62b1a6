import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { generatedPages, renewed } from "../../tools/docs.ts";
import { layers } from "./layers.ts";
import { root } from "./sources.ts";

interface Page {
	/** Path from the root. */
	readonly path: string;
	readonly text: string;
}

const read = (path: string): Page => ({ path, text: readFileSync(join(root, path), "utf8") });
const pages: readonly Page[] = [
	"ARCHITECTURE.md",
	...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
		.filter((path) => path.endsWith(".md"))
		.map((path) => `docs/${path}`),
].map(read);

/** Where a path in a page may start. */
const bases = [root, join(root, "packages/covey/src")];
/** `core/step.ts` or `core/step.ts#step`, in backticks. */
const mention = /`([\w.@-]+(?:\/[\w.@-]+)*\/[\w.-]+\.(?:ts|mjs|py|md|json))(?:#(\w+))?`/g;

function brokenMentions({ path, text }: Page): string[] {
	return [...text.matchAll(mention)].flatMap(([, file, name]) => {
		const found = bases.map((base) => join(base, file!)).find((candidate) => existsSync(candidate));
		if (found === undefined) return [`${path}: there is no ${file}`];
		if (name === undefined || new RegExp(`\\b${name}\\b`).test(readFileSync(found, "utf8"))) return [];
		return [`${path}: nothing is called ${name} in ${file}`];
	});
}

function brokenLinks({ path, text }: Page): string[] {
	return [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
		.map(([, target]) => target!)
		.filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, dirname(path), target)))
		.map((target) => `${path}: the link to ${target} leads nowhere`);
}

/** The rows of the first table whose head begins with `first`, as cells. */
function tableRows({ path, text }: Page, first: string): string[][] {
	const lines = text.split("\n");
	const head = lines.findIndex((line) => line.startsWith(`| ${first} `));
	if (head < 0) throw new Error(`${path} has no table of ${first}`);
	const after = lines.slice(head + 2);
	const end = after.findIndex((line) => !line.startsWith("|"));
	return after.slice(0, end).map((line) =>
		line
			.split("|")
			.slice(1, -1)
			.map((cell) => cell.trim()),
	);
}

describe("the documentation is true", () => {
	it("every file and every name that it mentions exists", () => {
		expect(pages.flatMap(brokenMentions)).toEqual([]);
	});

	it("every link inside leads somewhere", () => {
		expect(pages.flatMap(brokenLinks)).toEqual([]);
	});

	it("the layers of ARCHITECTURE.md are those of tests/architecture/layers.ts that have code", () => {
		const stands = (name: string): boolean => existsSync(join(root, "packages/covey/src", name));
		const enforced = Object.entries(layers)
			.filter(([name]) => stands(name))
			.map(([name, { may }]) => ({ name, may: may.filter(stands) }));
		const told = tableRows(read("ARCHITECTURE.md"), "layer").map(([name, may]) => ({
			name: name!.replaceAll("`", ""),
			may: may === "" ? [] : may!.split(", "),
		}));
		expect(told).toEqual(enforced);
	});

	it("every folder of packages/covey/src has its line in ARCHITECTURE.md", () => {
		const source = join(root, "packages/covey/src");
		const { text } = read("ARCHITECTURE.md");
		const missing = readdirSync(source)
			.filter((name) => statSync(join(source, name)).isDirectory())
			.filter((name) => !text.includes(`\n  ${name}/ `));
		expect(missing).toEqual([]);
	});

	it.each(generatedPages)("%s says what the code says; if not: node tools/node24.mjs tools/docs.ts", (page) => {
		expect(read(page).text).toBe(renewed(page));
	});

	it("a mistake is seen, so that the test can fail", () => {
		const page = (text: string): Page => ({ path: "docs/x.md", text });
		expect(brokenMentions(page("`core/nowhere.ts` and `core/step.ts#step`"))).toEqual(["docs/x.md: there is no core/nowhere.ts"]);
		expect(brokenMentions(page("`core/step.ts#stumble`"))).toEqual(["docs/x.md: nothing is called stumble in core/step.ts"]);
		expect(brokenLinks(page("[a](durability.md) [b](gone.md#x) [c](https://example.com)"))).toEqual([
			"docs/x.md: the link to gone.md leads nowhere",
		]);
	});
});
