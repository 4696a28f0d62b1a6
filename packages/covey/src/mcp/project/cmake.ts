import type { Ecosystem } from "./ecosystem.ts";
import type { Meaningless, VerbArguments } from "./recipe.ts";
import { recipeOf } from "./wording.ts";

const file = "CMakeLists.txt";

/** CMake with CTest. Configured and built in one directory that warm worktrees keep; a release in one of its own. */
export const cmake: Ecosystem = {
	name: "cmake",
	async recognise(files) {
		const lists = await files.read(file);
		if (lists === undefined) return undefined;
		return {
			file,
			async mean(verb, given) {
				if (verb === "clippy") return noLinter;
				// A project may keep files of its own in build/.
				const build = (await files.list("build")).length > 0 ? "cmake-build" : "build";
				const made = madeIn(build, given);
				if (verb === "build")
					return recipeOf(verb, given, {
						line: `${made} "$@"`,
						takes: { release: () => [], package: (name) => ["--target", name] },
						parser: "auto",
						because: file,
					});
				if (!/\b(enable_testing|include)\s*\(\s*(CTest)?\s*\)/i.test(lists)) return noTests;
				return recipeOf(verb, given, {
					line: `${made} && ctest --test-dir ${directoryOf(build, given)} --output-on-failure --no-tests=error "$@"`,
					takes: { release: () => [], filter: (text) => ["-R", text], nocapture: () => ["-V"] },
					parser: "auto",
					because: file,
				});
			},
		};
	},
};

const directoryOf = (build: string, { release }: VerbArguments): string => (release ? `${build}/release` : build);

function madeIn(build: string, given: VerbArguments): string {
	const at = directoryOf(build, given);
	return `cmake -S . -B ${at}${given.release ? " -DCMAKE_BUILD_TYPE=Release" : ""} && cmake --build ${at}`;
}

const noLinter: Meaningless = {
	sentence: `${file} is there, and CMake has no linter of its own`,
	hint: "use run_command, or say in .covey.toml what [commands.clippy] runs",
};

const noTests: Meaningless = {
	sentence: `${file} enables no tests: it says neither enable_testing() nor include(CTest)`,
	hint: "use run_command, or say in .covey.toml what [commands.test] runs",
};
