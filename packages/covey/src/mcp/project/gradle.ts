import type { Ecosystem } from "./ecosystem.ts";
import { type Member, memberOf, noSuchMember } from "./members.ts";
import type { Meaningless, ProjectFiles, Verb } from "./recipe.ts";
import { recipeOf, type Wording } from "./wording.ts";

/** Gradle. It fetches what it needs by itself; its wrapper fetches Gradle too. */
export const gradle: Ecosystem = {
	name: "gradle",
	async recognise(files) {
		const names = await files.list("");
		const file = ["settings.gradle.kts", "settings.gradle", "build.gradle.kts", "build.gradle"].find((name) => names.includes(name));
		if (file === undefined) return undefined;
		// A daemon would outlive the job, and end with it.
		const base = [names.includes("gradlew") ? "./gradlew" : "gradle", "--no-daemon", "--console=plain"];
		return {
			file,
			async mean(verb, given) {
				const members = subprojects((await files.read(file)) ?? "");
				const wanted = given.package?.replace(/^:/, "");
				const member = wanted ? memberOf(members, wanted) : undefined;
				if (wanted && member === undefined) return noSuchMember(members, wanted, file);
				const tasks = await tasksOf(files, verb, given.fix === true, file, members);
				if (!Array.isArray(tasks)) return tasks as Meaningless;
				const wording: Wording = {
					line: [...base, ...tasks.map((task) => (member ? `:${member.name}:${task}` : task))],
					takes: {
						package: () => [],
						...(verb === "test" && { filter: (text) => ["--tests", text] }),
						...(verb === "clippy" && { fix: () => [] }),
					},
					lacks: {
						nocapture: {
							sentence: `what tests print is shown as the build says in testLogging (${file})`,
							hint: "leave nocapture out, or set testLogging.showStandardStreams",
						},
					},
					parser: "gradle",
					because: verb === "build" ? `${file}; assemble, since Gradle's own build runs the tests too` : file,
				};
				return recipeOf(verb, given, wording);
			},
		};
	},
};

const linters: readonly { readonly plugin: RegExp; readonly task: string; readonly fix?: string }[] = [
	{ plugin: /spotless/, task: "spotlessCheck", fix: "spotlessApply" },
	{ plugin: /ktlint/, task: "ktlintCheck", fix: "ktlintFormat" },
	{ plugin: /detekt/, task: "detekt" },
	{ plugin: /\bcheckstyle\b/, task: "checkstyleMain" },
	{ plugin: /\bpmd\b/, task: "pmdMain" },
	{ plugin: /spotbugs/, task: "spotbugsMain" },
];

async function tasksOf(
	files: ProjectFiles,
	verb: Verb,
	fix: boolean,
	file: string,
	members: readonly Member[],
): Promise<readonly string[] | Meaningless> {
	if (verb !== "clippy") return [verb === "build" ? "assemble" : "test"];
	const builds = ["", ...members.map(({ directory }) => `${directory}/`)].flatMap((at) => [`${at}build.gradle`, `${at}build.gradle.kts`]);
	const text = (await Promise.all(builds.map((path) => files.read(path)))).join("\n");
	const applied = linters.filter(({ plugin }) => plugin.test(text));
	const tasks = applied.map((linter) => (fix ? linter.fix : linter.task)).filter((task) => task !== undefined);
	if (tasks.length > 0) return tasks;
	const known = linters.map(({ task }) => task.replace(/(Check|Main)$/, "")).join(", ");
	return {
		...(applied.length > 0 && { argument: "fix" as const }),
		sentence:
			applied.length > 0
				? `nothing that the build applies mends: ${applied.map(({ task }) => task).join(", ")} (${file})`
				: `the build applies none of ${known} (${file})`,
		hint: "use run_command, or say in .covey.toml what [commands.clippy] runs",
	};
}

/** What `include` names, `a:b` in `a/b`. */
function subprojects(settings: string): readonly Member[] {
	const included = settings.matchAll(/\binclude\s*\(?\s*((?:["'][^"'\n]+["']\s*,?\s*)+)/g);
	const names = [...included].flatMap(([, list]) => [...list!.matchAll(/["']:?([^"']+)["']/g)].map(([, name]) => name!));
	return [...new Set(names)].map((name) => ({ name, directory: name.replaceAll(":", "/") }));
}
