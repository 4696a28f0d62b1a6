import type { Ecosystem } from "./ecosystem.ts";
import { memberOf, noSuchMember } from "./members.ts";
import { type NodePackage, type NodeWorkspace, readNodeWorkspace } from "./node-workspace.ts";
import type { Meaningless, ProjectFiles, Recipe, Verb, VerbArguments } from "./recipe.ts";
import { type ScriptTool, toolOf } from "./script.ts";
import { listed, recipeOf, type Takes } from "./wording.ts";

const file = "package.json";
/** What each verb is called among the scripts. */
export const scriptNames: Readonly<Record<Verb, string>> = { build: "build", clippy: "lint", test: "test" };

/** JavaScript and TypeScript: npm, pnpm, yarn or bun. The scripts say what the verbs mean. */
export const node: Ecosystem = {
	name: "node",
	async recognise(files) {
		if ((await files.read(file)) === undefined) return undefined;
		return {
			file,
			async mean(verb, given) {
				const workspace = await readNodeWorkspace(files);
				const member = given.package ? memberOf(workspace.members, given.package) : undefined;
				if (given.package && member === undefined) return noSuchMember(workspace.members, given.package, file);
				const { package: _, ...rest } = given;
				const scope: Scope = { files, workspace, member };
				return script(verb, rest, scope) ?? (await linter(verb, rest, scope)) ?? everywhere(verb, rest, scope) ?? nothing(verb, scope);
			},
		};
	},
};

interface Scope {
	readonly files: ProjectFiles;
	readonly workspace: NodeWorkspace;
	readonly member: NodePackage | undefined;
}

/** The script of that name, in the member or at the root; undefined when there is none. */
function script(verb: Verb, given: VerbArguments, scope: Scope): Recipe | Meaningless | undefined {
	const { workspace, member } = scope;
	const { root, manager } = workspace;
	const name = given.fix ? `${scriptNames[verb]}:fix` : scriptNames[verb];
	const of = member ?? root;
	const wording = (line: readonly string[], text: string, because: string) =>
		speak(verb, given, { line, text, tool: toolOf(text, of.scripts), name, because, workspace });
	const text = of.scripts[name];
	if (text !== undefined) {
		const because = `${member ? `${member.directory}/` : ""}${file}, script ${name}`;
		return wording(member ? manager.ofMember(member.name, name) : manager.script(name), text, because);
	}
	const plain = of.scripts[scriptNames[verb]];
	return given.fix && plain !== undefined ? mended(verb, given, plain, scope) : undefined;
}

/** The script in each package that has it; undefined when none has. */
function everywhere(verb: Verb, given: VerbArguments, { workspace, member }: Scope): Recipe | Meaningless | undefined {
	const { manager, members } = workspace;
	const name = given.fix ? `${scriptNames[verb]}:fix` : scriptNames[verb];
	const having = members.filter(({ scripts }) => name in scripts);
	if (member !== undefined || having.length === 0) return undefined;
	const names = listed(having.map(({ name }) => name));
	if (having.length < members.length && manager.allOrNone)
		return {
			sentence: `${file} has no script "${name}"; of its packages these have: ${names}; and yarn 1 runs a script in all or in one`,
			hint: "name one of them as package",
		};
	const because = `script ${name} of ${names}`;
	return speak(verb, given, { line: manager.everywhere(name), text: "", tool: undefined, name, because, workspace });
}

interface Script {
	readonly line: readonly string[];
	readonly text: string;
	readonly tool: ScriptTool | undefined;
	readonly name: string;
	readonly because: string;
	readonly workspace: NodeWorkspace;
}

function speak(
	verb: Verb,
	given: VerbArguments,
	{ line, text, tool, name, because, workspace: { manager } }: Script,
): Recipe | Meaningless {
	if (tool?.watches && verb !== "build")
		return {
			sentence: `the script ${name} is \`${text}\`, which waits for changes and never ends (${because})`,
			hint: `let the script end, or say in .covey.toml what [commands.${verb}] runs`,
		};
	const { filter } = tool ?? {};
	const takes: Takes = {
		...(verb === "test" && { nocapture: () => [] }),
		...(filter && { filter: (value) => [...manager.separator, ...filter(value)] }),
		fix: () => [],
	};
	return recipeOf(verb, given, {
		line,
		takes,
		lacks: { filter: noFilter(text, name, tool) },
		parser: tool?.alone ? tool.parser : "auto",
		because,
		...(manager.preparation && { preparation: manager.preparation }),
	});
}

function noFilter(text: string, name: string, tool: ScriptTool | undefined): Omit<Meaningless, "argument"> {
	const why =
		text === ""
			? `the script ${name} of each package is run, and they need not take the same arguments`
			: tool
				? `the script ${name} is \`${text}\`, to which no filter can be added`
				: `the script ${name} is \`${text}\`, and what it ends in is no test runner that Covey knows`;
	return {
		sentence: `filter means nothing here: ${why}`,
		hint: `${text === "" ? "name a package, " : "leave filter out, "}use run_command, or give [commands.test] a filter_argument in .covey.toml`,
	};
}

/** Without a script that mends: the linter's own option, when the script is exactly that linter. */
function mended(verb: Verb, given: VerbArguments, text: string, { workspace, member }: Scope): Recipe | Meaningless {
	const { manager } = workspace;
	const tool = toolOf(text, (member ?? workspace.root).scripts);
	const name = scriptNames[verb];
	if (!tool?.fix || !tool.alone)
		return {
			argument: "fix",
			sentence: `${file} has no script "${name}:fix", and its script ${name} is \`${text}\`, which Covey cannot tell to mend`,
			hint: `add a script ${name}:fix, or give [commands.clippy] a fix in .covey.toml`,
		};
	const line = member ? manager.ofMember(member.name, name) : manager.script(name);
	const takes: Takes = { fix: () => [...manager.separator, ...(tool.fix ?? [])] };
	const because = `${file}, script ${name}, which is ${tool.name}`;
	return recipeOf(verb, given, {
		line,
		takes,
		parser: tool.parser,
		because,
		...(manager.preparation && { preparation: manager.preparation }),
	});
}

export const isEslintConfig = (name: string): boolean => /^(eslint\.config\.[cm]?[jt]s|\.eslintrc(\..+)?)$/.test(name);

const linters = [
	{ program: "eslint", words: ["."], fix: ["--fix"], isConfig: isEslintConfig },
	{ program: "biome", words: ["check"], fix: ["--write"], isConfig: (name: string) => /^\.?biome\.jsonc?$/.test(name) },
] as const;

/** Without a script: the linter that is configured. */
async function linter(verb: Verb, given: VerbArguments, { files, workspace, member }: Scope): Promise<Recipe | Meaningless | undefined> {
	if (verb !== "clippy" || member !== undefined) return undefined;
	const { manager } = workspace;
	const names = await files.list("");
	for (const { program, words, fix, isConfig } of linters) {
		const config = names.find(isConfig);
		if (config === undefined) continue;
		const line = [...manager.execute(program), ...words];
		const { preparation } = manager;
		const because = `${config}; ${file} has no script lint`;
		return recipeOf(verb, given, { line, takes: { fix: () => fix }, parser: program, because, ...(preparation && { preparation }) });
	}
	return undefined;
}

function nothing(verb: Verb, { workspace: { root }, member }: Scope): Meaningless {
	const where = member ? `${member.directory}/${file}` : file;
	const scripts = Object.keys((member ?? root).scripts);
	const neither = verb === "clippy" ? ", and neither eslint nor biome is configured" : "";
	const has = scripts.length === 0 ? "it has no scripts" : `its scripts are: ${listed(scripts)}`;
	return {
		...(member && { argument: "package" as const }),
		sentence: `${where} has no script "${scriptNames[verb]}"${neither}; ${has}`,
		hint: `add that script, use run_command, or say in .covey.toml what [commands.${verb}] runs`,
	};
}
