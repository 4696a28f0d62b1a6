import { expect, it } from "vitest";
import type { Recipe, Verb, VerbArguments } from "./recipe.ts";
import { recipeFor } from "./recognise.ts";
import { said, treeOf } from "./tree.fixture.ts";

const uv = {
	"pyproject.toml": '[project]\nname = "a"\n[dependency-groups]\ndev = ["pytest>=8", "ruff"]\n[tool.ruff]\n[build-system]\n',
	"uv.lock": "",
};
const bare = { "pyproject.toml": "[tool.pytest.ini_options]\n[tool.ruff]\n", "test_a.py": "" };
const poetry = { "pyproject.toml": '[tool.poetry]\nname = "a"\n[tool.ruff]\n', "poetry.lock": "" };
const tox = { "tox.ini": "[tox]\n[testenv]\ncommands = pytest {posargs}\n" };

const cases: readonly [string, Readonly<Record<string, string>>, Verb, VerbArguments, string][] = [
	["uv", uv, "test", { filter: "parse and not slow", nocapture: true }, "uv run pytest -k 'parse and not slow' -s"],
	["uv, linting", uv, "clippy", { fix: true }, "uv run ruff check --fix"],
	["uv, building", uv, "build", {}, "uv build"],
	["uv in a project that does not say pytest", { ...bare, "uv.lock": "" }, "test", {}, "uv run --with pytest pytest"],
	["uv in a project that does not say ruff", { ...bare, "uv.lock": "" }, "clippy", {}, "uvx ruff check"],
	["one test by its place", bare, "test", { filter: "tests/test_a.py::test_b" }, "python3 -m pytest tests/test_a.py::test_b"],
	["nothing to install", bare, "test", {}, "python3 -m pytest"],
	["poetry", poetry, "test", { filter: "x" }, "poetry run pytest -k x"],
	["poetry, linting without ruff of its own", poetry, "clippy", {}, "ruff check"],
	["poetry, building", poetry, "build", {}, "poetry build"],
	["tox", tox, "test", { filter: "x", nocapture: true }, "tox -- -k x -s"],
	["tox, showing what tests print", tox, "test", { nocapture: true }, "tox -- -s"],
	[
		"tox that passes nothing on",
		{ "tox.ini": "[testenv]\ncommands = pytest\n" },
		"test",
		{ filter: "x" },
		"filter: filter means nothing to `tox` (tox.ini)",
	],
	["tox.ini for other tools", { "tox.ini": "[flake8]\n" }, "test", {}, "python3 -m pytest"],
	["requirements", { "requirements.txt": "x", "setup.py": "" }, "test", {}, ".venv/bin/python -m pytest"],
	["setup.py, building", { "setup.py": "" }, "build", {}, "python3 -m pip wheel --no-deps --wheel-dir dist ."],
	[
		"an option as filter",
		bare,
		"test",
		{ filter: "--pdb" },
		'filter: filter "--pdb" begins with "-", so that the command would read it as an option',
	],
	[
		"ruff that is not configured",
		{ "setup.py": "" },
		"clippy",
		{},
		"verb: setup.py is there, and ruff is not configured: neither ruff.toml nor [tool.ruff]",
	],
	[
		"nothing to build",
		bare,
		"build",
		{},
		"verb: pyproject.toml describes no package that could be built: there is no [build-system] and no setup.py",
	],
	["a package without a workspace", bare, "test", { package: "x" }, 'package: pyproject.toml is no workspace, so there is no package "x"'],
];
it.each(cases)("%s", async (_, files, verb, given, expected) => {
	expect(await said(files, verb, given)).toBe(expected);
});

it("runs the tests of a member of uv's workspace in its directory", async () => {
	const files = {
		"pyproject.toml": '[tool.uv.workspace]\nmembers = ["libs/*"]\nexclude = ["libs/old"]\n',
		"libs/a/pyproject.toml": '[project]\nname = "acme-a"\n',
		"libs/old/pyproject.toml": '[project]\nname = "acme-old"\n',
	};
	expect(await said(files, "test", { package: "acme-a" })).toBe("uv run --with pytest pytest in libs/a");
	expect(await said(files, "test", { package: "acme-old" })).toBe(
		'package: pyproject.toml has no package "acme-old"; its packages are: acme-a',
	);
});

it("is not what a requirements.txt beside a package.json makes", async () => {
	const files = { "requirements.txt": "", "package.json": JSON.stringify({ scripts: { test: "jest" } }) };
	expect(await said(files, "test")).toBe("npm test");
});

const because = async (files: Readonly<Record<string, string>>) => ((await recipeFor(treeOf(files), "test")) as Recipe).because;

it("makes a virtual environment of what is declared for tests", async () => {
	expect(await because({ "requirements.txt": "", "requirements-dev.txt": "", "requirements-gpu.txt": "" })).toBe(
		"requirements.txt; `pip install pytest -r requirements-dev.txt -r requirements.txt` into .venv first, unless it is of this requirements-dev.txt and requirements.txt",
	);
	const pyproject = '[project]\nname = "a"\n[project.optional-dependencies]\ntest = []\ngpu = []\n[dependency-groups]\ndev = []\n';
	expect(await because({ "pyproject.toml": pyproject })).toContain("`pip install pytest -e '.[test]' --group dev` into .venv first");
	expect(await because({ "pyproject.toml": '[project]\nname = "a"\n', "src/a/__init__.py": "" })).toContain("`pip install pytest -e '.'`");
});

it("leaves the packages to Nix and conda where these are", async () => {
	expect(await because({ "requirements.txt": "", "flake.nix": "" })).toBe("requirements.txt");
	expect(await because({ "requirements.txt": "", "environment.yml": "" })).toBe("requirements.txt");
});
