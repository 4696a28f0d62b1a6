import type { Ecosystem } from "./ecosystem.ts";
import { type Member, memberOf, noSuchMember } from "./members.ts";
import type { Meaningless, ProjectFiles, Verb } from "./recipe.ts";
import { recipeOf, type Takes } from "./wording.ts";

const file = "pom.xml";

/** Maven. It fetches what it needs by itself. */
export const maven: Ecosystem = {
	name: "maven",
	async recognise(files) {
		const pom = await files.read(file);
		if (pom === undefined) return undefined;
		return {
			file,
			async mean(verb, given) {
				const modules = await modulesOf(files, pom);
				const member = given.package ? memberOf(modules, given.package) : undefined;
				if (given.package && member === undefined) return noSuchMember(modules, given.package, file);
				const goals = goalsOf(pom, verb, given.fix === true);
				if (!Array.isArray(goals)) return goals as Meaningless;
				const program = (await files.list("")).includes("mvnw") ? "./mvnw" : "mvn";
				// A module without a test of that name is no failure when there are several.
				const elsewhere = modules.length > 0 ? ["-Dsurefire.failIfNoSpecifiedTests=false"] : [];
				const takes: Takes = {
					package: () => ["--projects", member!.directory, "--also-make"],
					...(verb === "test" && { filter: (text) => [`-Dtest=${text}`, ...elsewhere], nocapture: () => [] }),
					...(verb === "clippy" && { fix: () => [] }),
				};
				return recipeOf(verb, given, { line: [program, "-B", "-ntp", ...goals], takes, parser: "maven", because: file });
			},
		};
	},
};

const linters: readonly { readonly plugin: string; readonly goal: string; readonly fix?: string }[] = [
	{ plugin: "spotless-maven-plugin", goal: "spotless:check", fix: "spotless:apply" },
	{ plugin: "maven-checkstyle-plugin", goal: "checkstyle:check" },
	{ plugin: "maven-pmd-plugin", goal: "pmd:check" },
	{ plugin: "spotbugs-maven-plugin", goal: "spotbugs:check" },
];

function goalsOf(pom: string, verb: Verb, fix: boolean): readonly string[] | Meaningless {
	if (verb === "build") return ["package", "-DskipTests"];
	if (verb === "test") return ["test"];
	const used = linters.filter(({ plugin }) => pom.includes(`<artifactId>${plugin}</artifactId>`));
	const goals = used.map((linter) => (fix ? linter.fix : linter.goal)).filter((goal) => goal !== undefined);
	if (goals.length > 0) return goals;
	return {
		...(used.length > 0 && { argument: "fix" as const }),
		sentence:
			used.length > 0
				? `nothing that ${file} names mends: ${used.map(({ plugin }) => plugin).join(", ")}`
				: `${file} names none of ${linters.map(({ plugin }) => plugin).join(", ")}`,
		hint: "use run_command, or say in .covey.toml what [commands.clippy] runs",
	};
}

const modulesMax = 200;

/** The modules of modules too, by artifact and directory. */
async function modulesOf(files: ProjectFiles, pom: string): Promise<readonly Member[]> {
	const found: Member[] = [];
	const waiting = namesOf(pom, "");
	for (let directory = waiting.shift(); directory !== undefined && found.length < modulesMax; directory = waiting.shift()) {
		const text = await files.read(`${directory}/${file}`);
		if (text === undefined) continue;
		const own = text.replace(/<parent>[\s\S]*?<\/parent>/, "");
		found.push({ name: /<artifactId>\s*([^<\s]+)\s*</.exec(own)?.[1] ?? directory, directory });
		waiting.push(...namesOf(text, `${directory}/`));
	}
	return found;
}

function namesOf(pom: string, at: string): string[] {
	const names = [...pom.replaceAll(/<!--[\s\S]*?-->/g, "").matchAll(/<module>\s*([^<]+?)\s*<\/module>/g)].map(([, name]) => name!);
	return names.filter((name) => /^[\w.][\w./-]*$/.test(name) && !name.includes("..")).map((name) => at + name);
}
