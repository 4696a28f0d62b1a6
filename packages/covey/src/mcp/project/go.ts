import type { Ecosystem } from "./ecosystem.ts";
import { type Member, normal, noSuchMember } from "./members.ts";
import type { Meaningless, ProjectFiles, Verb } from "./recipe.ts";
import { recipeOf, type Takes, type Wording } from "./wording.ts";

/** Go. Modules are fetched by the tool itself. */
export const go: Ecosystem = {
	name: "go",
	async recognise(files) {
		const work = await files.read("go.work");
		const module = await files.read("go.mod");
		const file = work !== undefined && module === undefined ? "go.work" : "go.mod";
		if ((work ?? module) === undefined) return undefined;
		return {
			file,
			async mean(verb, given) {
				const roots = file === "go.work" ? usedModules(work!) : [""];
				const patterns = given.package
					? await packagePattern(files, roots, modulePath(module), given.package, file)
					: roots.map((root) => (root === "" ? "./..." : `./${root}/...`));
				if (isPatterns(patterns)) return recipeOf(verb, given, { ...(await wordingOf(files, verb, file)), last: patterns });
				return patterns;
			},
		};
	},
};

const tags: Takes = { package: () => [], features: (names) => [`-tags=${names.join(",")}`] };

async function wordingOf(files: ProjectFiles, verb: Verb, file: string): Promise<Wording> {
	if (verb === "build") return { line: ["go", "build"], takes: tags, parser: "auto", because: file };
	if (verb === "test") {
		const takes: Takes = { ...tags, filter: (text) => [`-run=${text}`], nocapture: () => [] };
		return { line: ["go", "test", "-json"], takes, parser: "go", because: file };
	}
	const config = (await files.list("")).find((name) => /^\.golangci\.(ya?ml|toml|json)$/.test(name));
	if (config !== undefined) {
		const takes: Takes = { package: () => [], features: (names) => [`--build-tags=${names.join(",")}`], fix: () => ["--fix"] };
		return { line: ["golangci-lint", "run"], takes, parser: "auto", because: config };
	}
	const fix = {
		sentence: `\`go vet\` mends nothing, and golangci-lint is not configured (${file})`,
		hint: "leave fix out, or give [commands.clippy] a fix in .covey.toml",
	};
	return { line: ["go", "vet"], takes: tags, lacks: { fix }, parser: "auto", because: file };
}

const isPatterns = (patterns: readonly string[] | Meaningless): patterns is readonly string[] => Array.isArray(patterns);

/** The directories of `use`, alone or in brackets. */
function usedModules(work: string): readonly string[] {
	const text = work.replaceAll(/\/\/.*/g, "");
	const blocks = [...text.matchAll(/^use\s*\(([^)]*)\)/gm)].flatMap(([, block]) => block!.split("\n"));
	const single = [...text.matchAll(/^use\s+([^\s(]+)/gm)].map(([, path]) => path!);
	return [...blocks, ...single]
		.map((path) => normal(path.trim()))
		.filter((path, index, all) => path !== "" && !path.includes("..") && all.indexOf(path) === index);
}

const modulePath = (module: string | undefined): string | undefined => /^module\s+(\S+)/m.exec(module ?? "")?.[1];

/** For a directory, `internal/parse` or `internal/...`, or an import path of this module. */
async function packagePattern(
	files: ProjectFiles,
	roots: readonly string[],
	module: string | undefined,
	wanted: string,
	file: string,
): Promise<readonly string[] | Meaningless> {
	const local = module !== undefined && `${wanted}/`.startsWith(`${module}/`) ? wanted.slice(module.length) : wanted;
	const recursive = /(^|\/)\.\.\.$/.test(local);
	const directory = normal(local.replace(/\.\.\.$/, ""));
	const names = directory.includes("..") ? [] : await files.list(directory);
	const below = (at: string) => (at === "" ? "./..." : `./${at}/...`);
	if (names.some(isSource)) return [recursive ? below(directory) : `./${directory}`];
	if (names.length > 0 && (recursive || (await packagesBelow(files, [directory])).length > 0)) return [below(directory)];
	return noSuchMember(await packagesBelow(files, roots), wanted, file);
}

const isSource = (name: string): boolean => name.endsWith(".go");
const directoriesMax = 100;

async function packagesBelow(files: ProjectFiles, roots: readonly string[]): Promise<readonly Member[]> {
	const found: Member[] = [];
	const waiting = [...roots];
	for (let looked = 0; looked < directoriesMax && waiting.length > 0; ) {
		const directory = waiting.shift()!;
		const names = await files.list(directory);
		if (names.length === 0) continue;
		looked++;
		if (names.some(isSource)) found.push({ name: directory || ".", directory });
		for (const name of names)
			if (!/^[._]|\.\w+$|^(testdata|vendor|node_modules)$/.test(name)) waiting.push(directory === "" ? name : `${directory}/${name}`);
	}
	return found;
}
