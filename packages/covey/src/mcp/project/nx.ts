import type { Ecosystem } from "./ecosystem.ts";
import { readJson, type Table, table } from "./manifest.ts";
import { type Member, memberOf, noSuchMember } from "./members.ts";
import { isEslintConfig, scriptNames } from "./node.ts";
import { readNodeWorkspace } from "./node-workspace.ts";
import type { Meaningless, ProjectFiles, Recipe, Verb, VerbArguments } from "./recipe.ts";
import { listed, recipeOf } from "./wording.ts";

const file = "nx.json";

/** Nx: a verb is a target, of all projects or of one. */
export const nx: Ecosystem = {
	name: "nx",
	over: "node",
	async recognise(files) {
		const config = await readJson(files, file);
		return config && { file, mean: (verb, given) => mean(files, config, verb, given) };
	},
};

interface NxProject extends Member {
	readonly targets: readonly string[];
}

async function mean(files: ProjectFiles, config: Table, verb: Verb, given: VerbArguments): Promise<Recipe | Meaningless> {
	const { manager, members } = await readNodeWorkspace(files);
	// A plugin may find targets that stand in no file: whether there is one, only Nx itself can say.
	const guessing = Array.isArray(config.plugins) && config.plugins.length > 0;
	const projects = merged([
		...(guessing && !given.package ? [] : await declaredProjects(files)),
		...members.map(({ name, directory, scripts }) => ({ name, directory, targets: Object.keys(scripts) })),
	]);
	const target = scriptNames[verb];
	const targets = new Set([...projects.flatMap(({ targets }) => targets), ...Object.keys(table(config, "targetDefaults"))]);
	if (!guessing && !targets.has(target)) return noTarget(target, [...targets], verb);
	const member = given.package ? memberOf(projects, given.package) : undefined;
	if (given.package && member === undefined) return noSuchMember(projects, given.package, file);
	const fixer = (await files.list("")).some(isEslintConfig);
	return recipeOf(verb, given, {
		line: [...manager.execute("nx"), ...(member ? [target, member.name] : ["run-many", "-t", target])],
		takes: {
			package: () => [],
			...(verb === "test" && { nocapture: () => [] }),
			...(verb === "clippy" && fixer && { fix: () => ["--fix"] }),
		},
		lacks: {
			filter: {
				sentence: `filter means nothing to Nx: what runs the tests of a project takes it in its own way (${file})`,
				hint: "use run_command, as in npx nx test PROJECT --testNamePattern=NAME",
			},
		},
		// Nothing may outlive the job.
		environment: { CI: "1", NX_DAEMON: "false" },
		parser: "auto",
		because: file,
		...(manager.preparation && { preparation: manager.preparation }),
	});
}

const depthMax = 3;
const directoriesMax = 200;

/** Those with a `project.json`. */
async function declaredProjects(files: ProjectFiles): Promise<readonly NxProject[]> {
	const found: NxProject[] = [];
	let looked = 0;
	const visit = async (directory: string, depth: number): Promise<void> => {
		const at = directory === "" ? "" : `${directory}/`;
		const project = await readJson(files, `${at}project.json`);
		if (project !== undefined) {
			const name = typeof project.name === "string" ? project.name : directory.split("/").at(-1)!;
			found.push({ name, directory, targets: Object.keys(table(project, "targets")) });
		}
		// A project inside another is rare, and looking through sources for one is dear.
		if (depth >= depthMax || looked++ >= directoriesMax || (project !== undefined && directory !== "")) return;
		for (const name of await files.list(directory))
			if (!/\.\w+$|^\.|^(node_modules|dist|src)$/.test(name)) await visit(at + name, depth + 1);
	};
	await visit("", 0);
	return found;
}

/** One of each directory: the name is `project.json`'s, the targets are of both files. */
function merged(projects: readonly NxProject[]): readonly NxProject[] {
	const known = new Map<string, NxProject>();
	for (const project of projects) {
		const before = known.get(project.directory);
		known.set(project.directory, before ? { ...before, targets: [...before.targets, ...project.targets] } : project);
	}
	return [...known.values()];
}

function noTarget(target: string, targets: readonly string[], verb: Verb): Meaningless {
	return {
		sentence: `no project of ${file} has a target "${target}"; the targets are: ${listed(targets) || "none"}`,
		hint: `add that target, use run_command, or say in .covey.toml what [commands.${verb}] runs`,
	};
}
