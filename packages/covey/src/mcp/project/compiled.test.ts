import { expect, it } from "vitest";
import type { Verb, VerbArguments } from "./recipe.ts";
import { said } from "./tree.fixture.ts";

const gradle = {
	"settings.gradle.kts": 'include(":app")\ninclude("libs:core", "libs:util")\n',
	"build.gradle.kts": 'plugins { id("com.diffplug.spotless") }\n',
	"libs/core/build.gradle.kts": "apply(plugin = 'checkstyle')",
	gradlew: "",
};
const maven = {
	"pom.xml":
		"<project><modules><module>core</module><!-- <module>old</module> --><module>apps</module></modules><build><artifactId>spotless-maven-plugin</artifactId></build></project>",
	"core/pom.xml": "<project><parent><artifactId>root</artifactId></parent><artifactId>acme-core</artifactId></project>",
	"apps/pom.xml": "<project><artifactId>apps</artifactId><modules><module>web</module></modules></project>",
	"apps/web/pom.xml": "<project><artifactId>acme-web</artifactId></project>",
};
const cmake = { "CMakeLists.txt": "project(x)\nenable_testing()\n" };
const makefile = { Makefile: ".PHONY: all check\nCC := cc\nall: a.o\n\tcc a.o\ncheck lint: all\n%.o: %.c\n\ta:b\nlint-fix:\n" };
const swift = { "Package.swift": 'let package = Package(targets: [.target(name: "Core"), .testTarget(\n name: "CoreTests")])' };

const cases: readonly [string, Readonly<Record<string, string>>, Verb, VerbArguments, string][] = [
	["gradle builds without its tests", gradle, "build", {}, "./gradlew --no-daemon --console=plain assemble"],
	[
		"gradle tests a project",
		gradle,
		"test",
		{ package: ":libs:core", filter: "*Parse*" },
		"./gradlew --no-daemon --console=plain :libs:core:test --tests '*Parse*'",
	],
	[
		"gradle tests the project in a directory",
		gradle,
		"test",
		{ package: "libs/util" },
		"./gradlew --no-daemon --console=plain :libs:util:test",
	],
	["gradle lints with what is applied", gradle, "clippy", {}, "./gradlew --no-daemon --console=plain spotlessCheck checkstyleMain"],
	["gradle mends with what can", gradle, "clippy", { fix: true }, "./gradlew --no-daemon --console=plain spotlessApply"],
	["gradle without a wrapper", { "build.gradle": "" }, "test", {}, "gradle --no-daemon --console=plain test"],
	[
		"gradle without a linter",
		{ "build.gradle": "" },
		"clippy",
		{},
		"verb: the build applies none of spotless, ktlint, detekt, checkstyle, pmd, spotbugs (build.gradle)",
	],
	[
		"gradle with a linter that mends nothing",
		{ "build.gradle": "id 'pmd'" },
		"clippy",
		{ fix: true },
		"fix: nothing that the build applies mends: pmdMain (build.gradle)",
	],
	[
		"gradle and a project that is none",
		gradle,
		"test",
		{ package: "libs:cor" },
		'package: settings.gradle.kts has no package "libs:cor"; its packages are: app, libs:core, libs:util',
	],
	[
		"gradle and an option as filter",
		gradle,
		"test",
		{ filter: "-i" },
		'filter: filter "-i" begins with "-", so that the command would read it as an option',
	],

	["maven builds", maven, "build", {}, "mvn -B -ntp package -DskipTests"],
	["maven tests a module by artifact", maven, "test", { package: "acme-web" }, "mvn -B -ntp test --projects apps/web --also-make"],
	[
		"maven tests by name",
		maven,
		"test",
		{ package: "core", filter: "AppTest#adds" },
		"mvn -B -ntp test --projects core --also-make '-Dtest=AppTest#adds' -Dsurefire.failIfNoSpecifiedTests=false",
	],
	["maven with a wrapper and one module", { "pom.xml": "<project/>", mvnw: "" }, "test", { filter: "A" }, "./mvnw -B -ntp test -Dtest=A"],
	["maven mends", maven, "clippy", { fix: true }, "mvn -B -ntp spotless:apply"],
	[
		"maven without a linter",
		{ "pom.xml": "<project/>" },
		"clippy",
		{},
		"verb: pom.xml names none of spotless-maven-plugin, maven-checkstyle-plugin, maven-pmd-plugin, spotbugs-maven-plugin",
	],
	[
		"maven and a module that is none",
		maven,
		"test",
		{ package: "old" },
		'package: pom.xml has no package "old"; its packages are: acme-core, acme-web, apps',
	],

	["cmake builds", cmake, "build", {}, "cmake -S . -B build && cmake --build build"],
	[
		"cmake builds a target for release",
		cmake,
		"build",
		{ release: true, package: "x" },
		"cmake -S . -B build/release -DCMAKE_BUILD_TYPE=Release && cmake --build build/release --target x",
	],
	[
		"cmake beside a build/ of the project's own",
		{ ...cmake, "build/notes.md": "" },
		"build",
		{},
		"cmake -S . -B cmake-build && cmake --build cmake-build",
	],
	[
		"ctest by name",
		cmake,
		"test",
		{ filter: "parse" },
		"cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure --no-tests=error -R parse",
	],
	[
		"cmake and an option as target",
		cmake,
		"build",
		{ package: "--help" },
		'package: package "--help" begins with "-", so that the command would read it as an option',
	],
	[
		"cmake without tests",
		{ "CMakeLists.txt": "include(Foo)" },
		"test",
		{},
		"verb: CMakeLists.txt enables no tests: it says neither enable_testing() nor include(CTest)",
	],
	["cmake and a linter", cmake, "clippy", {}, "verb: CMakeLists.txt is there, and CMake has no linter of its own"],

	["make that passes on", { Makefile: "ifdef A\nendif\n\n.DEFAULT:\n\tcd src && make $@\n" }, "test", {}, "make test"],
	["make builds by default", { Makefile: "install:\ndefault: x\n" }, "build", {}, "make default"],
	[
		"make with conditions",
		{ Makefile: "ifdef A\nendif\n\ninstall: x\n" },
		"test",
		{},
		"verb: Makefile has no target test or check; its targets are: install",
	],
	["make builds", makefile, "build", {}, "make all"],
	["make tests", makefile, "test", {}, "make check"],
	["make mends", makefile, "clippy", { fix: true }, "make lint-fix"],
	["make and a filter", makefile, "test", { filter: "x" }, "filter: filter means nothing to `make check` (Makefile, target check)"],
	[
		"make without a target",
		{ Makefile: "install: x\n" },
		"test",
		{},
		"verb: Makefile has no target test or check; its targets are: install",
	],

	["swift builds for release", swift, "build", { release: true }, "swift build -c release"],
	["swift builds a target", swift, "build", { package: "Core" }, "swift build --target=Core"],
	["swift tests by name", swift, "test", { filter: "-x" }, "swift test --filter=-x"],
	[
		"swift and a target that is none",
		swift,
		"build",
		{ package: "Cor" },
		'package: Package.swift has no package "Cor"; its packages are: Core, CoreTests',
	],
	["swift and a linter", { ...swift, ".swiftlint.yml": "" }, "clippy", { fix: true }, "swiftlint lint --fix"],
	["swift without a linter", swift, "clippy", {}, "verb: Package.swift is there, and no linter: swiftlint is not configured"],
];
it.each(cases)("%s", async (_, files, verb, given, expected) => {
	expect(await said(files, verb, given)).toBe(expected);
});
