import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startCoordinator, taskId, taskView } from "@covey/client/coordinator.fixture";
import { beforeAll, describe, expect, test } from "vitest";
import { commands } from "#cli/commands.ts";
import { createHome, startCovey } from "#cli/covey.fixture.ts";
import { describeCommands } from "./describe.ts";
import { scripts } from "./scripts.ts";

type Shell = keyof typeof scripts;

/** Answers as `covey __complete` would. */
const names = {
	posix: `covey() { case "$2" in workers) printf 'mini\\nbig-1\\n' ;; tasks) printf 't_1\\tpassed make\\nt_2\\tfailed "x"\\n' ;; esac; }`,
	fish: "function covey; switch $argv[2]; case workers; printf 'mini\\nbig-1\\n'; case tasks; printf 't_1\\tpassed make\\nt_2\\tfailed x\\n'; end; end",
};

const printed: Partial<Record<Shell, string>> = {};
beforeAll(async () => {
	for (const shell of ["bash", "zsh", "fish"] as const) printed[shell] = scripts[shell](await describeCommands());
});

const installed = (shell: Shell): boolean => spawnSync(shell, ["-c", "true"]).status === 0;
const words = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");
const linesOf = (shell: Shell, script: string, ...options: readonly string[]): readonly string[] =>
	words(execFileSync(shell, [...options, "-c", script], { encoding: "utf8" }));

/** What a shell offers for the last word, which may be empty. */
const offers: Readonly<Record<Shell, (...line: readonly string[]) => readonly string[]>> = {
	bash: (...line) => linesOf("bash", `${printed.bash}\n${names.posix}\n${call(line)}`),
	// As bashcompinit calls it. Which of the words begin like the typed one is left to zsh's own matching.
	zsh: (...line) => {
		const script = `compdef() :\n${printed.zsh}\n${names.posix}\nask() { emulate -L sh; setopt kshglob ksharrays\n${call(line)}\n}; ask`;
		return linesOf("zsh", script, "-f").filter((word) => word.startsWith(line.at(-1) as string));
	},
	fish: (...line) => {
		const script = `${printed.fish}\n${names.fish}\ncomplete -C '${["covey", ...line].join(" ")}'`;
		return linesOf("fish", script, "--no-config").map((one) => one.split("\t")[0] as string);
	},
};

const call = (line: readonly string[]): string =>
	`COMP_WORDS=(${["covey", ...line].map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${line.length}; _covey; printf '%s\\n' "\${COMPREPLY[@]}"`;

describe.each(["bash", "zsh", "fish"] as const)("the completion of %s", (shell) => {
	test("names every command, and covey completion prints it", async () => {
		using home = createHome();
		expect(String((await startCovey(["completion", shell], { home }).ended).stdout)).toBe(`${printed[shell]}\n`);
		for (const { path } of commands) if (!path.startsWith("__")) expect(printed[shell]).toContain(path.split(" ")[0]);
	});

	test.skipIf(!installed(shell))(`offers commands, verbs, options, their values and names [needs ${shell}]`, () => {
		const offered = offers[shell];
		const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
			[["ru"], ["run"]],
			[["help", "undr"], ["undrain"]],
			[["token", "re"], ["revoke"]],
			[["token", "create", "j"], ["join"]],
			[["token", "create", "client", "--ro"], ["--role"]],
			[
				["token", "create", "client", "--role", ""],
				["admin", "submit", "read", "worker", "cache"],
			],
			[
				["completion", ""],
				["bash", "zsh", "fish"],
			],
			[
				["run", "--on", ""],
				["mini", "big-1"],
			],
			[["run", "--clean", "--prefer", "m"], ["mini"]],
			[
				["run", "--fallback", ""],
				["never", "always", "after:10s"],
			],
			[
				["run", "--isolation", ""],
				["0", "1", "2"],
			],
			[["tasks", "list", "--worker", "b"], ["big-1"]],
			[
				["drain", ""],
				["mini", "big-1"],
			],
			[["undrain", "m"], ["mini"]],
			[["worker", "revoke", "b"], ["big-1"]],
			...["logs", "attach", "cancel", "why", "tasks show"].map(
				(verb) =>
					[
						[...verb.split(" "), "t"],
						["t_1", "t_2"],
					] as const,
			),
			[["logs", "t_1", "--foll"], ["--follow"]],
			[["run", "--timeout", ""], []],
		];
		for (const [line, expected] of cases) expect([...offered(...line)].sort(), line.join(" ")).toEqual([...expected].sort());
	});
});

test("bash takes a value behind an equals sign, and leaves the words of the command to files", () => {
	expect(offers.bash("run", "--on", "=", "mi")).toEqual(["mini"]);
	expect(offers.bash("run", "--on", "=")).toEqual(["mini", "big-1"]);
	expect(offers.bash("run", "--on=b")).toEqual(["--on=big-1"]);
	expect(offers.bash("run", "--", "tru")).toContain("true");
	expect(offers.bash("run", "--clean", "tru")).toContain("true");
	expect(offers.bash("run", "--on", "mini", "--", "make", "--js")).toEqual([]);
	expect(offers.bash("run", "make", "--on", "")).not.toContain("mini");
});

test("one flag takes the same values in all commands, since bash's script goes by the flag", async () => {
	const seen = new Map<string, unknown>();
	for (const { path, options } of await describeCommands())
		for (const { flag, value } of options) {
			if (seen.has(flag)) expect(value, `${flag} of ${path}`).toEqual(seen.get(flag));
			seen.set(flag, value);
		}
});

describe("covey __complete", () => {
	const ask = async (what: string, environment: Record<string, string> = {}) => {
		using home = createHome();
		const { code, stdout, stderr } = await startCovey(["__complete", what], { home, environment }).ended;
		return { code, lines: words(String(stdout)), stderr };
	};

	test("asks the coordinator for names, and says what each is", async () => {
		await using coordinator = await startCoordinator({
			message: (message, connection) => {
				if (message.type !== "call") return;
				const tasks = { tasks: [taskView({ outcome: "passed", title: "make\tall\n" })] };
				const workers = { workers: [{ name: "mini" }, { name: "big-1" }] };
				connection.send({ type: "result", id: message.id, output: (message.operation === "task.list" ? tasks : workers) as never });
			},
		});
		const environment = { COVEY_URL: coordinator.url, COVEY_TOKEN: "x" };
		expect(await ask("workers", environment)).toEqual({ code: 0, lines: ["mini", "big-1"], stderr: "" });
		expect(await ask("tasks", environment)).toEqual({ code: 0, lines: [`${taskId}\tpassed make all `], stderr: "" });
	});

	test("is silent where there is no coordinator, a foreign one, one that says nothing, or no sense in the question", async () => {
		await using mute = await startCoordinator({});
		await using foreign = await startCoordinator({ refuse: { status: 404, body: {} } });
		const silence = { code: 0, lines: [], stderr: "" };
		expect(await ask("workers")).toEqual(silence);
		expect(await ask("elephants")).toEqual(silence);
		for (const url of [mute.url, foreign.url, "http://127.0.0.1:1", "nonsense"])
			expect(await ask("tasks", { COVEY_URL: url, COVEY_TOKEN: "x" }), url).toEqual(silence);
	});

	test("is silent in a home whose configuration is broken", async () => {
		using home = createHome();
		const file = join(home.directory, "config.toml");
		writeFileSync(file, "= =");
		const { code, stdout, stderr } = await startCovey(["__complete", "tasks"], { home, environment: { COVEY_SYSTEM_CONFIG: file } }).ended;
		expect([code, String(stdout), stderr]).toEqual([0, "", ""]);
	});
});
