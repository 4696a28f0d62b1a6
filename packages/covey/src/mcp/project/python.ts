import type { Ecosystem } from "./ecosystem.ts";
import { readToml, type Table, table, texts } from "./manifest.ts";
import { expand, type Member, memberOf, noSuchMember } from "./members.ts";
import { type PythonTool, pythonToolOf } from "./python-tool.ts";
import type { Meaningless, ProjectFiles, Recipe, Verb, VerbArguments } from "./recipe.ts";
import { recipeOf, type Takes, type Wording } from "./wording.ts";

/** Any of them makes a Python project; the last does not beside a `package.json`, where it serves something else. */
const files = ["pyproject.toml", "uv.lock", "poetry.lock", "setup.py", "setup.cfg", "tox.ini", "pytest.ini", "requirements.txt"];

/** Python: uv, poetry, tox, or a virtual environment of the worktree's own. */
export const python: Ecosystem = {
	name: "python",
	async recognise(tree) {
		const names = await tree.list("");
		const file = files.find((name) => names.includes(name));
		if (file === undefined || (file === "requirements.txt" && names.includes("package.json"))) return undefined;
		return {
			file,
			async mean(verb, given) {
				const pyproject = (await readToml(tree, "pyproject.toml")) ?? {};
				const tool = await pythonToolOf(tree, file, pyproject);
				const member = given.package ? await memberIn(tree, pyproject, tool, given.package) : undefined;
				if (member && "sentence" in member) return member;
				const scope: Scope = { tree, file, pyproject, tool, directory: member?.directory };
				return verb === "test" ? test(given, scope) : verb === "clippy" ? lint(given, scope) : build(given, scope);
			},
		};
	},
};

interface Scope {
	readonly tree: ProjectFiles;
	readonly file: string;
	readonly pyproject: Table;
	readonly tool: PythonTool;
	readonly directory: string | undefined;
}

function test(given: VerbArguments, scope: Scope): Recipe | Meaningless {
	const { tool } = scope;
	const behind = tool.passes ? [tool.passes] : [];
	const takes: Takes = {
		package: () => [],
		// `tests/test_a.py::test_b` names a place, anything else is an expression over names.
		...(tool.passes !== undefined && {
			filter: (text) => [...behind, ...(/\.py(::|$)/.test(text) ? [text] : ["-k", text])],
			nocapture: () => [...(given.filter ? [] : behind), "-s"],
		}),
	};
	return say("test", given, scope, { line: tool.run("pytest"), takes, parser: "pytest" });
}

async function lint(given: VerbArguments, scope: Scope): Promise<Recipe | Meaningless> {
	const { tree, file, pyproject, tool } = scope;
	const config =
		(await tree.list("")).find((name) => /^\.?ruff\.toml$/.test(name)) ??
		("ruff" in table(pyproject, "tool") ? "pyproject.toml" : undefined);
	if (config === undefined)
		return {
			sentence: `${file} is there, and ruff is not configured: neither ruff.toml nor [tool.ruff]`,
			hint: "use run_command, or say in .covey.toml what [commands.clippy] runs",
		};
	const takes: Takes = { package: () => [], fix: () => ["--fix"] };
	return say("clippy", given, scope, { line: [...tool.run("ruff"), "check"], takes, parser: "ruff" });
}

function build(given: VerbArguments, scope: Scope): Recipe | Meaningless {
	const { file, tool } = scope;
	if (tool.build === undefined)
		return {
			sentence: `${file} describes no package that could be built: there is no [build-system] and no setup.py`,
			hint: "use run_command, or say in .covey.toml what [commands.build] runs",
		};
	return say("build", given, scope, { line: tool.build, takes: { package: () => [] }, parser: "auto" });
}

type Said = Pick<Wording, "takes" | "parser"> & { readonly line: readonly string[] };

function say(verb: Verb, given: VerbArguments, { tool, directory }: Scope, said: Said): Recipe | Meaningless {
	const { preparation, because } = tool;
	const prepares = preparation && said.line.join(" ").startsWith(preparation.needs) ? { preparation } : {};
	return recipeOf(verb, given, { ...said, because, ...(directory !== undefined && { directory }), ...prepares });
}

/** A member of uv's workspace: its tests are run in its directory. */
async function memberIn(tree: ProjectFiles, pyproject: Table, tool: PythonTool, wanted: string): Promise<Member | Meaningless> {
	const workspace = table(pyproject, "tool", "uv", "workspace");
	const directories =
		tool.name === "uv" ? await expand(tree, [...texts(workspace.members), ...texts(workspace.exclude).map((path) => `!${path}`)]) : [];
	const members = await Promise.all(
		directories.map(async (directory) => {
			const { name } = table(await readToml(tree, `${directory}/pyproject.toml`), "project");
			return typeof name === "string" ? { name, directory } : undefined;
		}),
	);
	const found = members.filter((member) => member !== undefined);
	return memberOf(found, wanted) ?? noSuchMember(found, wanted, "pyproject.toml");
}
