import type { Ecosystem } from "./ecosystem.ts";
import { readToml, type Table, table, texts } from "./manifest.ts";
import { expand, type Member, memberOf, normal, noSuchMember } from "./members.ts";
import type { ProjectFiles, VerbArguments } from "./recipe.ts";
import { recipeOf, type Takes, type Wording } from "./wording.ts";

const file = "Cargo.toml";

/** Rust. Cargo fetches what it needs by itself. */
export const cargo: Ecosystem = {
	name: "cargo",
	async recognise(files) {
		const manifest = await readToml(files, file);
		if (manifest === undefined) return undefined;
		return {
			file,
			async mean(verb, given) {
				if (given.package) {
					const members = await membersOf(files, manifest);
					const member = memberOf(members, given.package);
					if (member === undefined) return noSuchMember(members, given.package, file);
					given = { ...given, package: member.name };
				}
				const wording = verb === "test" ? await testing(files) : verb === "clippy" ? linting(given) : building;
				return recipeOf(verb, given, { ...wording, because: wording.because + (given.package ? "" : alone(manifest)) });
			},
		};
	},
};

const scope: Takes = {
	package: (name) => ["-p", name],
	features: (names) => [`--features=${names.join(",")}`],
	release: () => ["--release"],
};

/** What is easily taken for all: without `package`, Cargo leaves the other members of a root package's workspace out. */
function alone(manifest: Table): string {
	const { members, "default-members": chosen } = table(manifest, "workspace");
	if (!("package" in manifest) || texts(members).length === 0 || chosen !== undefined) return "";
	return "; the root's own package alone, without the workspace's others, as Cargo does unless package names one";
}

const building: Wording = {
	line: ["cargo", "build", "--message-format=json"],
	takes: scope,
	parser: "cargo",
	because: file,
};

function linting(given: VerbArguments): Wording {
	const mend = ["--fix", "--allow-dirty", "--allow-staged"];
	const line = ["cargo", "clippy", ...(given.fix ? mend : []), "--message-format=json", "--all-targets"];
	return { line, takes: { ...scope, fix: () => [] }, parser: "cargo", because: file };
}

/** A project that has settings for nextest is tested with nextest. */
async function testing(files: ProjectFiles): Promise<Wording> {
	const environment = { RUST_BACKTRACE: "0" };
	const filter = (text: string) => [text];
	if ((await files.read(".config/nextest.toml")) !== undefined) {
		const because = `${file}; .config/nextest.toml asks for nextest, which runs no doctests`;
		const takes: Takes = { ...scope, nocapture: () => ["--no-capture"], filter };
		return { line: ["cargo", "nextest", "run"], takes, parser: "cargo", environment, because };
	}
	const takes: Takes = { ...scope, filter, nocapture: () => ["--", "--nocapture"] };
	return { line: ["cargo", "test"], takes, parser: "cargo", environment, because: file };
}

/** The root's own package, those of `[workspace] members`, and, as Cargo has it, those that a member depends on by path. */
async function membersOf(files: ProjectFiles, root: Table): Promise<readonly Member[]> {
	const workspace = table(root, "workspace");
	const excluded = new Set((await expand(files, texts(workspace.exclude))).map(normal));
	const waiting = ["", ...(await expand(files, texts(workspace.members)))];
	const members = new Map<string, Member>();
	const seen = new Set<string>();
	for (let directory = waiting.shift(); directory !== undefined && seen.size < membersMax; directory = waiting.shift()) {
		if (seen.has(directory) || excluded.has(directory)) continue;
		seen.add(directory);
		const manifest = directory === "" ? root : await readToml(files, `${directory}/${file}`);
		if (manifest === undefined) continue;
		const name = table(manifest, "package").name;
		if (typeof name === "string") members.set(directory, { name, directory });
		if ("workspace" in root) waiting.push(...pathsOf(manifest, directory));
	}
	return [...members.values()];
}

const membersMax = 1000;

function pathsOf(manifest: Table, directory: string): readonly string[] {
	const tables = [manifest, table(manifest, "workspace"), ...Object.values(table(manifest, "target")).map((target) => table(target))];
	return tables
		.flatMap((at) => ["dependencies", "dev-dependencies", "build-dependencies"].map((key) => table(at, key)))
		.flatMap((dependencies) => Object.values(dependencies))
		.map((dependency) => table(dependency).path)
		.filter((path) => typeof path === "string")
		.map((path) => resolved(directory, path))
		.filter((path) => path !== undefined);
}

/** Undefined when it leads out of the tree. */
function resolved(directory: string, path: string): string | undefined {
	if (path.startsWith("/")) return undefined;
	const parts: string[] = [];
	for (const part of `${directory}/${path}`.split("/")) {
		if (part === ".." && parts.pop() === undefined) return undefined;
		if (part !== ".." && part !== "." && part !== "") parts.push(part);
	}
	return parts.join("/");
}
