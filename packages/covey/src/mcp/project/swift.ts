import type { Ecosystem } from "./ecosystem.ts";
import { type Member, memberOf, noSuchMember } from "./members.ts";
import type { Meaningless } from "./recipe.ts";
import { recipeOf, type Takes } from "./wording.ts";

const file = "Package.swift";

/** Swift packages. Dependencies are fetched by the tool itself. */
export const swift: Ecosystem = {
	name: "swift",
	async recognise(files) {
		const manifest = await files.read(file);
		if (manifest === undefined) return undefined;
		return {
			file,
			async mean(verb, given) {
				const targets = targetsOf(manifest);
				if (given.package && verb === "build" && !memberOf(targets, given.package)) return noSuchMember(targets, given.package, file);
				const release: Takes = { release: () => ["-c", "release"] };
				if (verb === "build")
					return recipeOf(verb, given, {
						line: ["swift", "build"],
						takes: { ...release, package: (name) => [`--target=${name}`] },
						parser: "auto",
						because: file,
					});
				if (verb === "test")
					return recipeOf(verb, given, {
						line: ["swift", "test"],
						takes: { ...release, filter: (text) => [`--filter=${text}`], nocapture: () => [] },
						lacks: { package: { sentence: `\`swift test\` tests the whole package (${file})`, hint: "give the target's name as filter" } },
						parser: "auto",
						because: file,
					});
				const config = (await files.list("")).find((name) => /^\.swiftlint\.ya?ml$/.test(name));
				if (config === undefined) return noLinter;
				return recipeOf(verb, given, { line: ["swiftlint", "lint"], takes: { fix: () => ["--fix"] }, parser: "auto", because: config });
			},
		};
	},
};

function targetsOf(manifest: string): readonly Member[] {
	const found = manifest.matchAll(/\.(?:target|executableTarget|testTarget|macro|plugin)\(\s*name:\s*"([^"]+)"/g);
	return [...found].map(([, name]) => ({ name: name!, directory: "" }));
}

const noLinter: Meaningless = {
	sentence: `${file} is there, and no linter: swiftlint is not configured`,
	hint: "add a .swiftlint.yml, or say in .covey.toml what [commands.clippy] runs",
};
