/** A small project of each kind, for the tables of `docs/projects.md`; each has a member or target PKG where it can. */
export const samples: Readonly<Record<string, Readonly<Record<string, string>>>> = {
	Nx: {
		"nx.json": json({ plugins: ["@nx/js"] }),
		"package.json": npm(),
		"package-lock.json": "",
		".eslintrc.json": "",
		"libs/PKG/project.json": "{}",
	},
	Turborepo: { "turbo.json": json({ tasks: { build: {}, lint: {}, test: {} } }), ...workspace(), "pnpm-lock.yaml": "" },
	Cargo: { "Cargo.toml": '[workspace]\nmembers = ["PKG"]\n', "PKG/Cargo.toml": '[package]\nname = "PKG"\n' },
	"Cargo, nextest": {
		"Cargo.toml": '[workspace]\nmembers = ["PKG"]\n',
		"PKG/Cargo.toml": '[package]\nname = "PKG"\n',
		".config/nextest.toml": "",
	},
	Go: { "go.mod": "module acme\n", "PKG/a.go": "" },
	"Go, golangci-lint": { "go.mod": "module acme\n", "PKG/a.go": "", ".golangci.yml": "" },
	Swift: { "Package.swift": '.target(name: "PKG")', ".swiftlint.yml": "" },
	Gradle: { "settings.gradle.kts": 'include(":PKG")\n', "build.gradle.kts": 'id("com.diffplug.spotless")', gradlew: "" },
	Maven: { "pom.xml": "<artifactId>spotless-maven-plugin</artifactId><module>PKG</module>", "PKG/pom.xml": "<artifactId>PKG</artifactId>" },
	"Python, uv": {
		"pyproject.toml":
			'[project]\n[dependency-groups]\ndev = ["pytest", "ruff"]\n[build-system]\n[tool.ruff]\n[tool.uv.workspace]\nmembers = ["PKG"]\n',
		"uv.lock": "",
		"PKG/pyproject.toml": '[project]\nname = "PKG"\n',
	},
	"Python, poetry": { "pyproject.toml": '[tool.poetry]\ndev = ["ruff"]\n[tool.ruff]\n', "poetry.lock": "" },
	"Python, tox": { "tox.ini": "[testenv]\ncommands = pytest {posargs}\n", "ruff.toml": "", "setup.py": "" },
	"Python, pip": { "requirements.txt": "", "setup.py": "", "ruff.toml": "" },
	"Python, nothing to install": { "pyproject.toml": "[tool.ruff]\n[build-system]\n" },
	npm: { ...workspace(), "package-lock.json": "" },
	pnpm: { ...workspace(), "pnpm-lock.yaml": "" },
	Yarn: { ...workspace(), "yarn.lock": "" },
	"Yarn 2 and later": { ...workspace(), "yarn.lock": "", ".yarnrc.yml": "" },
	Bun: { ...workspace(), "bun.lock": "" },
	CMake: { "CMakeLists.txt": "enable_testing()" },
	Make: { Makefile: "build:\nlint:\nlint-fix:\ntest:\n" },
};

function json(value: unknown): string {
	return JSON.stringify(value);
}

function npm(): string {
	const scripts = { build: "tsc", lint: "eslint .", test: "vitest run" };
	return json({ name: "acme", scripts, workspaces: ["PKG"], devDependencies: { vitest: "1" } });
}

function workspace() {
	const scripts = { build: "tsc", lint: "eslint .", test: "vitest run" };
	return { "package.json": npm(), "PKG/package.json": json({ name: "PKG", scripts }) };
}
