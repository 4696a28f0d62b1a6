import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { probeIsolation } from "#host/process/isolation.ts";
import { createExecutor, type ExecuteRequest } from "#worker/executor/execute.ts";
import { createEnvironments, type EnterRequest } from "./environments.ts";

const scratch = await mkdtemp(join(tmpdir(), "covey-environments-"));
/** A job in a sandbox has a `/tmp` of its own. */
const beside = await mkdtemp("/var/tmp/covey-environments-");
afterAll(() => Promise.all([scratch, beside].map((directory) => rm(directory, { recursive: true, force: true }))));
const isolation = await probeIsolation(undefined);

const has = (program: string) => (process.env.PATH ?? "").split(delimiter).some((directory) => existsSync(join(directory, program)));

const nixConf = "sandbox = false\nsandbox-paths = /bin /usr /lib /lib64?\nbuild-users-group =\nsubstituters =\n";

type Wanted = Partial<EnterRequest> & Pick<Partial<ExecuteRequest>, "isolation" | "environment">;

/** A worker's environments with a home of their own, and a tree to enter. */
async function setUp(files: Readonly<Record<string, string>>, path = process.env.PATH ?? "", parent = scratch, keep = 32) {
	const home = await mkdtemp(join(parent, "home-"));
	const root = await mkdtemp(join(parent, "tree-"));
	const directory = join(home, "environments");
	await mkdir(join(home, ".config/nix"), { recursive: true });
	// What a machine with Nix from Debian needs where neither a build group nor a network is at hand.
	await writeFile(join(home, ".config/nix/nix.conf"), nixConf);
	const executor = createExecutor({
		worker: "here",
		stateDirectory: await mkdtemp(join(home, "state-")),
		environment: { PATH: path, HOME: home, LANG: "C.UTF-8" },
		controlGroups: undefined,
		isolation,
	});
	const write = async (changed: Readonly<Record<string, string>>) => {
		for (const [name, content] of Object.entries(changed)) {
			await mkdir(join(root, name, ".."), { recursive: true });
			await writeFile(join(root, name), content);
		}
		execFileSync("git", ["add", "-A"], { cwd: root });
	};
	execFileSync("git", ["init", "-q"], { cwd: root });
	await write(files);
	const environments = createEnvironments({ executor, directory, path, keep });
	const { signal } = new AbortController();
	const request: ExecuteRequest = { attemptKey: "t_1.1", command: ["true"], cwd: root, environment: {}, graceMs: 100, limits: {} };
	const enter = (command: readonly string[], { isolation = 0, environment = {}, ...wanted }: Wanted = {}) => {
		const asked = { ...request, isolation, environment, command };
		return environments.enter({ kind: "auto", root, scope: "default/r_1", timeoutMs: 60_000, request: asked, signal, ...wanted });
	};
	return {
		root,
		directory,
		write,
		enter,
		async run(command: readonly string[], wanted: Wanted = {}) {
			using entered = await enter(command, wanted);
			let output = "";
			const execution = await executor.execute(
				{ ...request, ...entered, isolation: wanted.isolation ?? 0 },
				(_, data) => void (output += data),
				signal,
			);
			return { ...entered, outcome: execution.outcome, exitCode: execution.facts?.exitCode, output };
		},
		[Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
	};
}

const system = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux`;

/** A dev shell of nothing but Nix itself, so that no network is needed. */
const flake = (greeting: string, builder = execFileSync("sh", ["-c", "command -v bash"], { encoding: "utf8" }).trim()) =>
	`{
	outputs = { self }: {
		devShells.${system}.default = derivation {
			name = "shell";
			system = "${system}";
			builder = "${builder}";
			outputs = [ "out" ];
			stdenv = ./stdenv;
			GREETING = "${greeting}";
			shellHook = "export HOOKED=yes";
		};
	};
}`;
const tree = (greeting: string) => ({ "flake.nix": flake(greeting), "stdenv/setup": ": nothing to do\n", "src/main.txt": "one" });

describe.skipIf(!has("nix"))("nix [needs Nix]", () => {
	test("a flake's dev shell is entered, and what it holds and hooks is there", { timeout: 60_000 }, async () => {
		await using worker = await setUp(tree("hello"));
		const run = await worker.run(["sh", "-c", 'echo "$GREETING $HOOKED $IN_NIX_SHELL"; printf "%s|" "$@"', "sh", "a b", "$c"]);
		expect(run).toMatchObject({ name: "nix", outcome: "passed", output: "hello yes impure\na b|$c|" });
		expect(await readdir(worker.root)).not.toContain("flake.lock");
		expect(await worker.run(["sh", "-c", "exit 7"])).toMatchObject({ outcome: "failed", exitCode: 7 });
	});

	test("a hook that ends with a false test does not keep the command from running", { timeout: 60_000 }, async () => {
		await using worker = await setUp({
			...tree("hello"),
			"flake.nix": flake("hello").replace("export HOOKED=yes", "[ -t 1 ] && export HOOKED=yes"),
		});
		expect(await worker.run(["sh", "-c", 'echo "$GREETING $HOOKED"; exit 3'])).toMatchObject({ exitCode: 3, output: "hello \n" });
	});

	test("what a job declares has no say in the set-up, which is not in its sandbox", { timeout: 60_000 }, async () => {
		await using worker = await setUp(tree("hello"));
		const bin = await standIn("nix");
		const environment = { PATH: `${bin}:${process.env.PATH}`, NIX_CONFIG: "no such setting" };
		const request = { attemptKey: "t_1.1", command: ["true"], cwd: worker.root, environment, graceMs: 100, limits: {} };
		expect(await worker.enter(["true"], { request })).toMatchObject({ name: "nix", environment });
		expect(existsSync(join(worker.directory, "..", "calls"))).toBe(false);
		expect((await worker.run(["sh", "-c", "echo $GREETING"])).output).toBe("hello\n");
	});

	test("whoever waits for another's set-up and is cancelled waits no longer", { timeout: 60_000 }, async () => {
		await using worker = await setUp({ ...tree("hello"), "stdenv/setup": "while :; do :; done\n" });
		const first = worker.enter(["true"], { timeoutMs: 3000 });
		first.catch(() => {});
		const cancel = new AbortController();
		let ended = false;
		first.catch(() => (ended = true));
		const second = worker.enter(["true"], { signal: cancel.signal });
		setTimeout(() => cancel.abort(new Error("cancelled")), 500);
		await expect(second).rejects.toThrow("cancelled");
		expect(ended).toBe(false);
		await expect(first).rejects.toThrow("was not ready");
	});

	test("it is set up once for the same lock and .nix files, whatever else changes", { timeout: 60_000 }, async () => {
		await using worker = await setUp(tree("hello"));
		await Promise.all([worker.enter(["true"]), worker.enter(["true"])]);
		const [ready] = await readdir(worker.directory);
		const script = join(worker.directory, ready!, "environment.sh");
		const made = await readFile(script, "utf8");
		await writeFile(script, `${made}\nexport GREETING=kept\n`);
		await worker.write({ "src/main.txt": "two" });
		expect((await worker.run(["sh", "-c", "echo $GREETING"])).output).toBe("kept\n");
		await worker.write(tree("changed"));
		expect((await worker.run(["sh", "-c", "echo $GREETING"])).output).toBe("changed\n");
		expect(await readdir(worker.directory)).toHaveLength(2);
	});

	test("a file that a .nix file reads decides too, and so does the repository", { timeout: 60_000 }, async () => {
		await using worker = await setUp({ ...tree("hello"), "nix/hook.sh": "export HOOKED=one", "src/hook.txt": "one" });
		await worker.write({
			"flake.nix": flake("hello").replace('"export HOOKED=yes"', "builtins.readFile ./nix/hook.sh"),
		});
		expect((await worker.run(["sh", "-c", "echo $HOOKED"])).output).toBe("one\n");
		await worker.write({ "nix/hook.sh": "export HOOKED=two" });
		expect((await worker.run(["sh", "-c", "echo $HOOKED"])).output).toBe("two\n");
		await worker.write({ "src/hook.txt": "two" });
		await worker.enter(["true"]);
		expect(await readdir(worker.directory)).toHaveLength(2);
		await worker.enter(["true"], { scope: "default/r_2" });
		expect(await readdir(worker.directory)).toHaveLength(3);
	});

	test("whose flake reads its whole tree has an environment for each", { timeout: 60_000 }, async () => {
		await using worker = await setUp({ ...tree("hello"), "hook.sh": "export HOOKED=one" });
		await worker.write({ "flake.nix": flake("hello").replace('"export HOOKED=yes"', 'builtins.readFile (self + ("/ho" + "ok.sh"))') });
		expect((await worker.run(["sh", "-c", "echo $HOOKED"])).output).toBe("one\n");
		await worker.write({ "hook.sh": "export HOOKED=two" });
		expect((await worker.run(["sh", "-c", "echo $HOOKED"])).output).toBe("two\n");
	});

	test("what was cleared away is set up again", { timeout: 60_000 }, async () => {
		await using worker = await setUp(tree("hello"));
		await worker.enter(["true"]);
		const [ready] = await readdir(worker.directory);
		await rm(join(worker.directory, ready!, "profile"));
		expect((await worker.run(["sh", "-c", "echo $GREETING"])).output).toBe("hello\n");
	});

	test("a flake that does not evaluate is told in Nix's own words, and nothing is kept", { timeout: 60_000 }, async () => {
		await using worker = await setUp({ ...tree("hello"), "flake.nix": "{ outputs = { self }: oops; }" });
		await expect(worker.enter(["true"])).rejects.toThrow(/the nix environment could not be set up: .*undefined variable 'oops'/s);
		await worker.write(tree("mended"));
		expect((await worker.run(["sh", "-c", "echo $GREETING"])).output).toBe("mended\n");
	});

	test("a set-up that takes too long is ended at its own timeout", { timeout: 60_000 }, async () => {
		await using worker = await setUp({ ...tree("hello"), "stdenv/setup": "while :; do :; done\n" });
		await expect(worker.enter(["true"], { timeoutMs: 2000 })).rejects.toMatchObject({
			code: "timeout",
			message: expect.stringContaining("was not ready after 2 s"),
		});
	});
});

describe.skipIf(!has("direnv"))("direnv [needs direnv]", () => {
	test("an .envrc is allowed for us alone, evaluated once, and all that the job gets is what it exports", async () => {
		const envrc = 'export GREETING="$(cat greeting)"\nPATH_add bin\necho evaluated >> "$HOME/evaluated"\n';
		await using worker = await setUp({ ".envrc": envrc, greeting: "one", "bin/greet": 'echo "$GREETING"' });
		await chmod(join(worker.root, "bin/greet"), 0o755);
		const job = ["sh", "-c", "greet; env | grep -E '^(XDG_|DIRENV_)'; exit 0"];
		expect(await worker.run(job)).toMatchObject({ name: "direnv", output: "one\n" });
		expect((await worker.run(job)).output).toBe("one\n");
		expect(await readFile(join(worker.directory, "../evaluated"), "utf8")).toBe("evaluated\n");
		expect(existsSync(join(worker.directory, "../.local"))).toBe(false);
		await worker.write({ greeting: "two" });
		expect((await worker.run(job)).output).toBe("two\n");
	});

	test("what a job declares is seen by its .envrc and by nobody else's", async () => {
		await using worker = await setUp({ ".envrc": "export GREETING=for-$WHO\n" });
		const greet = async (environment: Readonly<Record<string, string>>) =>
			(await worker.run(["sh", "-c", "echo $GREETING $XDG_DATA_HOME"], { environment })).output;
		expect(await greet({ WHO: "one", XDG_DATA_HOME: "/mine" })).toBe("for-one /mine\n");
		expect(await greet({ WHO: "two" })).toBe("for-two\n");
	});

	test.each(["exit 3\n", 'export GREETING="\n'])("an .envrc that fails is the environment's fault: %j", async (envrc) => {
		await using worker = await setUp({ ".envrc": envrc });
		await expect(worker.enter(["true"])).rejects.toThrow("the direnv environment could not be set up: ");
	});

	test("what a job uses is not cleared away for another, and is when it ended", async () => {
		await using worker = await setUp({ ".envrc": "export GREETING=one\n" }, process.env.PATH, scratch, 1);
		const first = await worker.enter(["true"]);
		const [used] = await readdir(worker.directory);
		const greet = async (greeting: string) => {
			await worker.write({ ".envrc": `export GREETING=${greeting}\n` });
			using _ = await worker.enter(["true"]);
		};
		await greet("two");
		await greet("three");
		expect(await readdir(worker.directory)).toContain(used);
		first[Symbol.dispose]();
		await greet("four");
		expect(await readdir(worker.directory)).not.toContain(used);
	});

	test.skipIf(isolation.level < 2)("at level 2 an .envrc is evaluated in the sandbox of the job", async () => {
		const marker = join(beside, "by-envrc");
		await using worker = await setUp({ ".envrc": `echo > ${marker}\nexport GREETING=hello\n` }, process.env.PATH, beside);
		expect((await worker.run(["sh", "-c", "echo $GREETING"], { isolation: 2 })).output).toBe("hello\n");
		expect(existsSync(marker)).toBe(false);
	});

	test.skipIf(isolation.level < 2)("at level 2 an .envrc cannot lead what is kept of it out of the sandbox", async () => {
		const victim = join(beside, "victim");
		const envrc = `for d in "$XDG_DATA_HOME" "$XDG_DATA_HOME/.."; do ln -s ${victim} "$d/environment.sh.new"; done\nexport GREETING=hello\n`;
		await using worker = await setUp({ ".envrc": envrc }, process.env.PATH, beside);
		expect((await worker.run(["sh", "-c", "echo $GREETING"], { isolation: 2 })).output).toBe("hello\n");
		expect(existsSync(victim)).toBe(false);
	});
});

/** Stands in for a tool that cannot be had here: writes down how it is called, and runs what it is given behind `--`. */
async function standIn(name: string): Promise<string> {
	const bin = await mkdtemp(join(scratch, "bin-"));
	await writeFile(
		join(bin, name),
		`#!/bin/sh\necho "$(basename "$0") $*" >> "$HOME/calls"\nwhile [ $# -gt 0 ] && [ "$1" != "--" ]; do shift; done\n[ $# = 0 ] && exit 0\nshift\nexec "$@"\n`,
	);
	await chmod(join(bin, name), 0o755);
	return bin;
}

describe.each<{ name: string; files: Readonly<Record<string, string>>; calls: (root: string) => string[] }>([
	{
		name: "devbox",
		files: { "devbox.json": "{}" },
		calls: (root: string) => [`devbox install --config ${root}`, `devbox run --config ${root} -- echo hi`],
	},
	{ name: "mise", files: { "mise.toml": "" }, calls: (root: string) => [`mise install --yes -C ${root}`, "mise exec -- echo hi"] },
])("$name (played by a stand-in)", ({ name, files, calls }) => {
	test("is installed once and entered", async () => {
		await using worker = await setUp(files, `${await standIn(name)}:/usr/bin:/bin`);
		expect(await worker.run(["echo", "hi"])).toMatchObject({ name, output: "hi\n" });
		await worker.enter(["true"]);
		expect((await readFile(join(worker.directory, "..", "calls"), "utf8")).trim().split("\n")).toEqual(calls(worker.root));
	});
});

test.skipIf(isolation.level < 2)("at level 2 mise has its tools in a place that the set-up may change and the job may not", async () => {
	const bin = await mkdtemp(join(beside, "bin-"));
	const play = `case $1 in
install) mkdir -p "$MISE_DATA_DIR/bin" "$MISE_CACHE_DIR" "$MISE_STATE_DIR" && echo 'echo a tool' > "$MISE_DATA_DIR/bin/tool" && chmod +x "$MISE_DATA_DIR/bin/tool"; echo installed;;
env) echo "export PATH='$MISE_DATA_DIR/bin:$PATH'";;
esac`;
	await writeFile(join(bin, "mise"), `#!/bin/sh\n${play}\n`, { mode: 0o755 });
	await using worker = await setUp({ "mise.toml": "" }, `${bin}:/usr/bin:/bin`, beside);
	const job = ["sh", "-c", 'tool; touch "$MISE_DATA_DIR/evil" 2>/dev/null || echo read-only'];
	expect(await worker.run(job, { isolation: 2 })).toMatchObject({ name: "mise", output: "a tool\nread-only\n" });
});

test.skipIf(isolation.level < 2)("at level 2 devbox is refused, and left out where it was not asked for by name", async () => {
	await using worker = await setUp({ "devbox.json": "{}" }, `${await standIn("devbox")}:/usr/bin:/bin`);
	const why = "devbox installs into the home directory and the Nix store, which a job of isolation level 2 may not change";
	await expect(worker.enter(["true"], { kind: "devbox", isolation: 2 })).rejects.toThrow(
		`the environment devbox was asked for, but ${why}`,
	);
	expect(await worker.enter(["true"], { isolation: 2 })).toMatchObject({
		name: "plain",
		note: `the tree has a devbox.json, but ${why}: the command runs in the plain shell`,
	});
});

test.skipIf(isolation.level < 2)("at level 2 nix is refused, which could copy what the worker reads to where every job reads", async () => {
	await using worker = await setUp({ "flake.nix": "{}" }, `${await standIn("nix")}:/usr/bin:/bin`);
	await expect(worker.enter(["true"], { kind: "nix", isolation: 2 })).rejects.toThrow("nix evaluates a flake outside of the sandbox");
	expect(await worker.enter(["true"], { isolation: 2 })).toMatchObject({
		name: "plain",
		note: expect.stringContaining("outside of the sandbox"),
	});
	expect(existsSync(join(worker.directory, "..", "calls"))).toBe(false);
});

test("a tree that asks for what this machine does not have runs plain, and says so", async () => {
	await using worker = await setUp({ "flake.nix": "{}" }, "/nowhere");
	expect(await worker.enter(["true"])).toMatchObject({
		name: "plain",
		command: ["true"],
		environment: {},
		note: "the tree has a flake.nix, but this machine has no nix: the command runs in the plain shell",
	});
});

test("an environment that was asked for by name and is not here is refused", async () => {
	await using worker = await setUp({}, "/nowhere");
	await expect(worker.enter(["true"], { kind: "nix" })).rejects.toThrow("the environment nix was asked for, and this machine has no nix");
});

test("plain is plain, whatever the tree asks for; a tree that asks for nothing is plain too", async () => {
	await using worker = await setUp({ "flake.nix": "{}" });
	expect(await worker.enter(["true"], { kind: "plain" })).toMatchObject({ name: "plain", command: ["true"], environment: {} });
	await using bare = await setUp({ "README.md": "" });
	expect(await bare.enter(["true"])).toMatchObject({ name: "plain", command: ["true"], environment: {} });
});
