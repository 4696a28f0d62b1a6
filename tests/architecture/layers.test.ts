import { describe, expect, it } from "vitest";
import { layers, packageLayers } from "./layers.ts";
import { importsOf, readSources, type Source, withoutComments } from "./sources.ts";

const isTest = (path: string): boolean => /\.(test|suite|fixture)\.ts$/.test(path);
const code = readSources("packages/covey/src").filter(({ path }) => !isTest(path));

function layerOf(path: string): string {
	return path.split("/")[3]!;
}

function breaches({ path, text, imports }: Source): string[] {
	const name = layerOf(path);
	const layer = layers[name];
	if (layer === undefined) return [`${path}: no layer '${name}' in tests/architecture/layers.ts: move the file or add the layer`];
	const found: string[] = [];
	for (const target of imports) {
		if (target.startsWith("../")) found.push(`${path}: imports '${target}': name the layer, as in #core/task.ts`);
		if (target.startsWith("#")) {
			const wanted = target.slice(1).split("/")[0]!;
			if (wanted !== name && !layer.may.includes(wanted))
				found.push(`${path}: ${name} may not import ${wanted} ('${target}'); it may: ${layer.may.join(", ") || "nothing"}`);
		}
		if (target.startsWith("@covey/protocol") && name === "kit")
			found.push(`${path}: kit knows no domain word, so it may not import '${target}'`);
		if (target === "@covey/client" && !layer.packages?.includes(target)) found.push(`${path}: ${name} may not import the client SDK`);
	}
	const bare = withoutComments(text);
	for (const { pattern, instead } of layer.never ?? []) {
		const match = pattern.exec(bare);
		if (match) found.push(`${path}: '${match[0].trim()}': ${instead}`);
	}
	return found;
}

describe("layers", () => {
	it("finds code in every layer that stands", () => {
		expect(Object.keys(layers).filter((name) => !code.some(({ path }) => layerOf(path) === name))).toEqual([]);
	});

	it("every import obeys the layer table", () => {
		expect(code.flatMap(breaches)).toEqual([]);
	});

	it("the packages import only what their audience has", () => {
		const found = Object.entries(packageLayers).flatMap(([name, may]) =>
			readSources(`packages/${name}/src`)
				.filter(({ path }) => !isTest(path))
				.flatMap(({ path, imports }) =>
					imports
						.filter(
							(target) =>
								target.startsWith("node:") ||
								target.startsWith("../") ||
								(target.startsWith("@covey/") && !may.some((allowed) => target.startsWith(allowed))),
						)
						.map((target) => `${path}: ${name} runs in a browser and stands below: it may not import '${target}'`),
				),
		);
		expect(found).toEqual([]);
	});

	it("a breach is seen, so that the test can fail", () => {
		const source = (path: string, text: string): Source => ({ path, text, imports: importsOf(text) });
		expect(breaches(source("packages/covey/src/core/x.ts", 'import { a } from "#host/git.ts";'))).toHaveLength(1);
		expect(breaches(source("packages/covey/src/core/x.ts", "const now = Date.now();"))).toHaveLength(1);
		expect(breaches(source("packages/covey/src/core/x.ts", "// Date.now() is banned here"))).toEqual([]);
		expect(breaches(source("packages/covey/src/cli/x.ts", 'const { a } = await import("#coordinator/a.ts");'))).toHaveLength(1);
		expect(breaches(source("packages/covey/src/worker/x.ts", 'import {\n\ta,\n} from "../core/a.ts";'))).toHaveLength(1);
		expect(breaches(source("packages/covey/src/elsewhere/x.ts", ""))).toHaveLength(1);
	});
});
