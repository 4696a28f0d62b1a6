import { type Table, table } from "./manifest.ts";
import type { Preparation } from "./prepare.ts";
import type { ProjectFiles } from "./recipe.ts";

/** What runs a project's Python programs. */
export interface PythonTool {
	readonly name: "uv" | "poetry" | "tox" | "python";
	/** pytest, ruff: as words. */
	run(program: "pytest" | "ruff"): readonly string[];
	/** What stands before pytest's own arguments, "" for nothing; undefined when it takes none. */
	readonly passes: string | undefined;
	/** Makes the package; undefined when there is none. */
	readonly build: readonly string[] | undefined;
	/** Needed by commands that begin with `needs`. */
	readonly preparation: (Preparation & { readonly needs: string }) | undefined;
	readonly because: string;
}

export async function pythonToolOf(files: ProjectFiles, file: string, pyproject: Table): Promise<PythonTool> {
	const names = new Set(await files.list(""));
	const tools = table(pyproject, "tool");
	const text = (await files.read("pyproject.toml")) ?? "";
	const packaged = "build-system" in pyproject || names.has("setup.py");
	const mentions = (program: string): boolean =>
		new RegExp(`["'\\s]${program}\\b(?!\\.|\\])`, "m").test(text.replaceAll(/^\s*\[.*\]\s*$/gm, ""));
	if (names.has("uv.lock") || "uv" in tools)
		return {
			name: "uv",
			run: (program) =>
				mentions(program) ? ["uv", "run", program] : program === "ruff" ? ["uvx", "ruff"] : ["uv", "run", "--with", program, program],
			passes: "",
			build: packaged ? ["uv", "build"] : undefined,
			preparation: undefined,
			because: names.has("uv.lock") ? "uv.lock" : "pyproject.toml, [tool.uv]",
		};
	if (names.has("poetry.lock") || "poetry" in tools)
		return {
			name: "poetry",
			run: (program) => (program === "pytest" || mentions(program) ? ["poetry", "run", program] : [program]),
			passes: "",
			build: ["poetry", "build"],
			preparation: poetryInstall(names.has("poetry.lock") ? "poetry.lock" : "pyproject.toml"),
			because: names.has("poetry.lock") ? "poetry.lock" : "pyproject.toml, [tool.poetry]",
		};
	const wheel = packaged ? ["python3", "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "dist", "."] : undefined;
	const toxIni = (await files.read("tox.ini")) ?? "";
	if ("tox" in tools || /^\[(tox|testenv.*)\]/m.test(toxIni))
		return {
			name: "tox",
			run: (program) => (program === "pytest" ? ["tox"] : [program]),
			passes: /pytest.*(\{posargs|replace\s*=\s*["']posargs)/.test(toxIni + text) ? "--" : undefined,
			build: wheel,
			preparation: undefined,
			because: "tox" in tools ? "pyproject.toml, [tool.tox]" : "tox.ini",
		};
	const preparation = await virtualEnvironment(files, names, pyproject);
	const python = preparation ? ".venv/bin/python" : "python3";
	return {
		name: "python",
		run: (program) => (program === "pytest" ? [python, "-m", "pytest"] : preparation && mentions("ruff") ? [".venv/bin/ruff"] : ["ruff"]),
		passes: "",
		build: wheel,
		preparation,
		because: file,
	};
}

function poetryInstall(input: string): PythonTool["preparation"] {
	return {
		install: "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install --no-interaction",
		makes: ".venv",
		inputs: [input],
		version: "python3 --version",
		needs: "poetry run",
		because: `\`poetry install\` first, unless .venv is of this ${input}`,
	};
}

const requirements = /^(requirements([-_.](dev|tests?|testing|development))?|(dev|tests?)[-_.]requirements)\.txt$/;
const extra = /^(dev|tests?|testing)$/;

/** What pip is given: undefined when nothing is declared, or when a Nix or conda environment brings the packages. */
async function virtualEnvironment(files: ProjectFiles, names: ReadonlySet<string>, pyproject: Table): Promise<PythonTool["preparation"]> {
	if (["flake.nix", "shell.nix", "environment.yml"].some((name) => names.has(name))) return undefined;
	const below = (await files.list("requirements"))
		.filter((name) => /^(dev|tests?|testing)\.txt$/.test(name))
		.map((name) => `requirements/${name}`);
	const lists = [...[...names].filter((name) => requirements.test(name)), ...below].sort();
	const project = table(pyproject, "project");
	const extras = Object.keys(table(project, "optional-dependencies")).filter((name) => extra.test(name));
	const groups = Object.keys(table(pyproject, "dependency-groups")).filter((name) => extra.test(name));
	const depends = Array.isArray(project.dependencies) && project.dependencies.length > 0;
	const installable = names.has("setup.py") || "name" in project;
	const itself = installable && (depends || extras.length > 0 || names.has("src") || names.has("setup.py"));
	if (lists.length === 0 && groups.length === 0 && !itself) return undefined;
	const inputs = [...lists, ...["pyproject.toml", "setup.py", "setup.cfg"].filter((name) => names.has(name))];
	const pip = ".venv/bin/python -m pip install --quiet --disable-pip-version-check";
	const wanted = [
		"pytest",
		...lists.map((list) => `-r ${list}`),
		...(itself ? [`-e '.${extras.length > 0 ? `[${extras.join(",")}]` : ""}'`] : []),
		...groups.map((group) => `--group ${group}`),
	].join(" ");
	// Groups came with pip 25.1, which is newer than many a Python brings.
	const install = ["python3 -m venv --clear .venv", ...(groups.length > 0 ? [`${pip} 'pip>=25.1'`] : []), `${pip} ${wanted}`].join(" && ");
	return {
		install,
		makes: ".venv",
		inputs,
		version: "python3 --version",
		needs: ".venv/",
		because: `\`pip install ${wanted}\` into .venv first, unless it is of this ${inputs.join(" and ")}`,
	};
}
