import type { Ecosystem } from "./ecosystem.ts";
import type { ProjectFiles, Verb } from "./recipe.ts";
import { listed, recipeOf } from "./wording.ts";

/** In Make's own order. */
const files = ["GNUmakefile", "makefile", "Makefile"];

/** Targets that may stand for a verb, the likeliest first. */
const targets: Readonly<Record<Verb | "fix", readonly string[]>> = {
	build: ["build", "all", "default"],
	clippy: ["lint"],
	test: ["test", "check"],
	fix: ["lint-fix", "fix"],
};

/** A Makefile, if nothing else says what the verb means. */
export const make: Ecosystem = {
	name: "make",
	async recognise(tree) {
		const found = await firstOf(tree);
		if (found === undefined) return undefined;
		const { file, text } = found;
		return {
			file,
			mean: async (verb, given) => {
				const known = targetsOf(text);
				const wanted = given.fix ? targets.fix : targets[verb];
				// `.DEFAULT` passes on what is not written out, as to a makefile below.
				const passedOn = verb === "test" && /^\.DEFAULT\s*:/m.test(text) ? "test" : undefined;
				const target = wanted.find((name) => known.includes(name)) ?? passedOn;
				if (target === undefined)
					return {
						...(given.fix && { argument: "fix" as const }),
						sentence: `${file} has no target ${wanted.join(" or ")}; its targets are: ${listed(known) || "none"}`,
						hint: `use run_command, or say in .covey.toml what [commands.${verb}] runs`,
					};
				return recipeOf(verb, given, {
					line: ["make", target],
					takes: { ...(verb === "test" && { nocapture: () => [] }), ...(verb === "clippy" && { fix: () => [] }) },
					parser: "auto",
					because: `${file}, target ${known.includes(target) ? target : ".DEFAULT"}`,
				});
			},
		};
	},
};

async function firstOf(tree: ProjectFiles): Promise<{ readonly file: string; readonly text: string } | undefined> {
	for (const file of files) {
		const text = await tree.read(file);
		if (text !== undefined) return { file, text };
	}
	return undefined;
}

/** Names that are written out, without patterns, variables and the special ones. */
function targetsOf(text: string): readonly string[] {
	const rules = [...text.replaceAll("\\\n", " ").matchAll(/^([^\s#:=.%$][^\n#:=%$]*?)[ \t]*::?(?!=)/gm)];
	return [...new Set(rules.flatMap(([, names]) => names!.split(/\s+/)).filter((name) => /^\w[\w./-]*$/.test(name)))];
}
