import type { Ecosystem } from "./ecosystem.ts";
import { readJson, type Table, table } from "./manifest.ts";
import { memberOf, noSuchMember } from "./members.ts";
import { scriptNames } from "./node.ts";
import { type NodePackage, readNodeWorkspace } from "./node-workspace.ts";
import type { Meaningless, ProjectFiles, Recipe, Verb, VerbArguments } from "./recipe.ts";
import { type ScriptTool, toolOf } from "./script.ts";
import { listed, recipeOf, type Takes } from "./wording.ts";

/** Turborepo: a verb is a task, of all packages or of one. */
export const turborepo: Ecosystem = {
	name: "turborepo",
	over: "node",
	async recognise(files) {
		for (const file of ["turbo.json", "turbo.jsonc"]) {
			const config = await readJson(files, file);
			if (config !== undefined) return { file, mean: (verb, given) => mean(files, { file, config }, verb, given) };
		}
		return undefined;
	},
};

async function mean(
	files: ProjectFiles,
	{ file, config }: { readonly file: string; readonly config: Table },
	verb: Verb,
	given: VerbArguments,
): Promise<Recipe | Meaningless> {
	const { manager, members } = await readNodeWorkspace(files);
	// `tasks` was `pipeline` before version 2; `web#test` is the task test of the package web.
	const tasks = Object.keys({ ...table(config, "pipeline"), ...table(config, "tasks") }).map((task) => task.split("#").at(-1)!);
	const plain = scriptNames[verb];
	const task = given.fix && tasks.includes(`${plain}:fix`) ? `${plain}:fix` : plain;
	if (!tasks.includes(task)) return noTask(file, task, tasks, verb);
	const member = given.package ? memberOf(members, given.package) : undefined;
	if (given.package && member === undefined) return noSuchMember(members, given.package, file);
	const tools = (member ? [member] : members).filter(({ scripts }) => task in scripts).map((one) => toolIn(one, task));
	return recipeOf(verb, given, {
		line: [...manager.execute("turbo"), "run", task],
		takes: takesOf(verb, task === plain, member, tools),
		lacks: lacksOf(file, member, task),
		parser: tools.length === 1 && tools[0]?.alone ? tools[0].parser : "auto",
		because: `${file}, task ${task}`,
		...(manager.preparation && { preparation: manager.preparation }),
	});
}

const toolIn = ({ scripts }: NodePackage, task: string): ScriptTool | undefined => toolOf(scripts[task]!, scripts);

/** Words for the scripts themselves stand behind `--`. A filter needs one script, to mend all must be told alike. */
function takesOf(verb: Verb, plain: boolean, member: NodePackage | undefined, tools: readonly (ScriptTool | undefined)[]): Takes {
	const filter = member && tools[0]?.filter;
	const fixes = new Set(tools.map((tool) => (tool?.alone ? tool.fix?.join(" ") : undefined)));
	const [fix] = fixes.size === 1 ? fixes : [];
	return {
		package: () => [`--filter=${member!.name}`],
		...(verb === "test" && { nocapture: () => [] }),
		...(filter && { filter: (text) => ["--", ...filter(text)] }),
		...(plain ? fix !== undefined && { fix: () => ["--", ...fix.split(" ")] } : { fix: () => [] }),
	};
}

function lacksOf(file: string, member: NodePackage | undefined, task: string) {
	const filter = member
		? `the script ${task} of ${member.name} ends in no test runner that Covey knows`
		: `the script ${task} of each package is run, and they need not take the same arguments`;
	return {
		filter: {
			sentence: `filter means nothing here: ${filter} (${file})`,
			hint: `${member ? "" : "name a package, "}use run_command, or give [commands.test] a filter_argument in .covey.toml`,
		},
		fix: {
			sentence: `${file} has no task "${task}:fix", and the scripts ${task} cannot all be told alike to mend`,
			hint: `add a task ${task}:fix, or give [commands.clippy] a fix in .covey.toml`,
		},
	};
}

function noTask(file: string, task: string, tasks: readonly string[], verb: Verb): Meaningless {
	return {
		sentence: `${file} has no task "${task}"; its tasks are: ${listed([...new Set(tasks)]) || "none"}`,
		hint: `add that task, use run_command, or say in .covey.toml what [commands.${verb}] runs`,
	};
}
