import { describe, expect, it } from "vitest";
import type { Recipe, Verb, VerbArguments } from "./recipe.ts";
import { recipeFor } from "./recognise.ts";
import { treeOf } from "./tree.fixture.ts";

const package_ = (name: string, more = "") => `[package]\nname = "${name}"\n${more}`;
const workspace = {
	"Cargo.toml": '[workspace]\nmembers = ["crates/*", "./tool"]\nexclude = ["crates/old"]\n',
	"crates/core/Cargo.toml": package_("acme-core", '[dependencies]\nhidden = { path = "../../hidden" }\nout = { path = "../../../out" }\n'),
	"crates/web/Cargo.toml": package_("acme-web"),
	"crates/old/Cargo.toml": package_("acme-old"),
	"tool/Cargo.toml": package_("tool"),
	"hidden/Cargo.toml": package_("hidden"),
};
const single = { "Cargo.toml": package_("one") };

const cases: readonly [string, Readonly<Record<string, string>>, Verb, VerbArguments, string][] = [
	["build", single, "build", {}, "cargo build --message-format=json"],
	[
		"build, released, with features",
		single,
		"build",
		{ release: true, features: ["a", "b/c"] },
		"cargo build --message-format=json --features=a,b/c --release",
	],
	["clippy", single, "clippy", {}, "cargo clippy --message-format=json --all-targets"],
	[
		"clippy that mends",
		single,
		"clippy",
		{ fix: true },
		"cargo clippy --fix --allow-dirty --allow-staged --message-format=json --all-targets",
	],
	["test", single, "test", {}, "cargo test"],
	["some tests, with what they print", single, "test", { filter: "a::b", nocapture: true }, "cargo test a::b -- --nocapture"],
	["test of a member", workspace, "test", { package: "acme-core" }, "cargo test -p acme-core"],
	["test of the member in a directory", workspace, "test", { package: "./crates/web/" }, "cargo test -p acme-web"],
	["test of what a member depends on by path", workspace, "test", { package: "hidden" }, "cargo test -p hidden"],
	["nextest", { ...single, ".config/nextest.toml": "" }, "test", { filter: "x", nocapture: true }, "cargo nextest run --no-capture x"],
	["arguments that were not meant for it", single, "build", { timeout_secs: 5 } as VerbArguments, "cargo build --message-format=json"],
	["arguments that say nothing", single, "test", { filter: "", features: [], nocapture: false }, "cargo test"],
];

describe("cargo", () => {
	it.each(cases)("%s", async (_, files, verb, given, typed) => {
		const recipe = await recipeFor(treeOf(files), verb, given);
		expect(recipe).toMatchObject({ typed, command: typed.split(" "), changesTree: given.fix === true });
	});

	const refused: readonly [string, VerbArguments, RegExp, RegExp][] = [
		[
			"a package that is none",
			{ package: "acme-cor" },
			/no package "acme-cor"; its packages are: acme-core, acme-web, hidden, tool/,
			/did you mean acme-core/,
		],
		["an excluded package", { package: "acme-old" }, /no package "acme-old"/, /give one of them/],
		["a filter that would be an option", { filter: "--list" }, /filter "--list" begins with "-"/, /run_command/],
		["a filter with a NUL", { filter: "a\0b" }, /control character/, /printable/],
		["a feature that would be an option", { features: ["--config=evil"] }, /"--config=evil" is no name of a feature/, /letters/],
		["a feature that is two", { features: ["a,b c"] }, /is no name of a feature/, /letters/],
		["to mend by testing", { fix: true }, /fix means nothing to `cargo test` \(Cargo.toml\)/, /leave fix out/],
	];
	it.each(refused)("refuses %s", async (_, given, sentence, hint) => {
		expect(await recipeFor(treeOf(workspace), "test", given)).toEqual({
			argument: Object.keys(given)[0],
			sentence: expect.stringMatching(sentence),
			hint: expect.stringMatching(hint),
		});
	});

	it("says that one package is no workspace", async () => {
		expect(await recipeFor(treeOf(single), "test", { package: "one" })).toMatchObject({ typed: "cargo test -p one" });
		expect(await recipeFor(treeOf(single), "test", { package: "two" })).toMatchObject({
			sentence: expect.stringContaining("its packages are: one"),
		});
	});

	it("keeps backtraces out of the answer, and colours out of everything", async () => {
		expect(await recipeFor(treeOf(single), "test")).toMatchObject({
			parser: "cargo",
			environment: { RUST_BACKTRACE: "0", NO_COLOR: "1", CI: "1" },
			because: "Cargo.toml",
		});
		const build = await recipeFor(treeOf(single), "build");
		expect(build).toMatchObject({ environment: { NO_COLOR: "1", TERM: "dumb" } });
		expect(build).not.toMatchObject({ environment: { CI: "1" } });
	});
});

it("says that Cargo leaves the members out when the root is a package itself", async () => {
	const because = async (toml: string, given = {}) =>
		(await recipeFor(treeOf({ "Cargo.toml": toml, "a/Cargo.toml": package_("a") }), "test", given)) as Recipe;
	const both = `${package_("root")}[workspace]\nmembers = ["a"]\n`;
	expect((await because(both)).because).toBe(
		"Cargo.toml; the root's own package alone, without the workspace's others, as Cargo does unless package names one",
	);
	expect((await because(both, { package: "a" })).because).toBe("Cargo.toml");
	expect((await because(`${both}default-members = ["a"]`)).because).toBe("Cargo.toml");
});
