import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BuildPool } from "../kit/build-pool.ts";
import { ask } from "../kit/door.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

const served = (port: number, ...repositories: readonly string[]) =>
	`[build_pool.git_daemon]\nenabled = true\nport = ${port}\nlisten = []\nrepositories = ${JSON.stringify(repositories)}\n`;

interface Status {
	readonly listeners: readonly { readonly purpose: string; readonly up: boolean; readonly reason?: string }[];
}

test("git daemon serves branches and tags of what was named, and nothing else, to those who only read", async () => {
	verifies("build-agent:git-daemon");
	using open = new Repository({ "a.txt": "served\n" });
	using secret = new Repository({ "secret.txt": "secret\n" });
	open.git("tag", "v1");
	open.git("update-ref", "refs/covey/snapshots/x", "HEAD");
	// Whatever stands in the repository's own configuration is not in force.
	open.git("config", "daemon.receivepack", "true");
	open.git("config", "uploadpack.allowAnySHA1InWant", "true");
	await using pool = await BuildPool.start({ config: ({ git }) => served(git, open.directory) });
	const base = `git://127.0.0.1:${pool.ports.git}`;
	const url = `${base}/${open.directory.split("/").at(-1)}.git`;
	const git = (...words: string[]) => pool.machine.exec(["git", ...words]);

	const listed = (await git("ls-remote", url)).stdout.toString();
	expect(listed.match(/\S+$/gm)).toEqual(["HEAD", "refs/heads/main", "refs/tags/v1"]);
	expect(await git("clone", "-q", url, join(pool.machine.home, "clone"))).toMatchObject({ code: 0 });
	expect(await readFile(join(pool.machine.home, "clone/a.txt"), "utf8")).toBe("served\n");
	// A commit of later is there at once; nothing was copied.
	open.git("commit", "-q", "--allow-empty", "-m", "second");
	expect((await git("ls-remote", url, "main")).stdout.toString()).toContain(open.git("rev-parse", "HEAD").trim());

	expect((await git("-C", open.directory, "push", "-q", url, "HEAD:refs/heads/evil")).code).not.toBe(0);
	expect((await git("archive", `--remote=${url}`, "main")).code).not.toBe(0);
	const name = secret.directory.split("/").at(-1);
	const others = [secret.directory, `/${name}`, `/${name}.git`, `/../${name}`, `/${open.directory}/../${name}/.git`, open.directory, "/"];
	for (const path of others) {
		const refused = await git("ls-remote", `${base}/${path}`);
		expect({ path, code: refused.code, stdout: refused.stdout.toString() }).toEqual({ path, code: 128, stdout: "" });
		expect(refused.stderr).toContain("access denied or repository not exported");
	}
	expect(open.git("for-each-ref", "refs/heads").trim().split("\n")).toHaveLength(1);
});

test("snapshots are served when their repository is named by its id", async () => {
	verifies("build-agent:git-daemon");
	using repository = new Repository({ "a.txt": "committed\n" });
	repository.write({ "a.txt": "only in the worktree\n" });
	await using pool = await BuildPool.start();
	expect(await pool.machine.covey(["run", "--", "cat", "a.txt"], { cwd: repository.directory })).toMatchObject({ code: 0 });
	const [name] = await readdir(join(pool.machine.state, "coordinator/git/default"));
	await pool.expect(["build-pool", "stop"]);
	await pool.configure(served(pool.ports.git, `default/${name!.replace(".git", "")}`));
	await pool.expect(["build-pool", "start"]);
	const url = `git://127.0.0.1:${pool.ports.git}/default/${name}`;
	const clone = join(pool.machine.home, "clone");
	const shown = (await pool.machine.exec(["git", "ls-remote", url])).stdout.toString();
	expect(shown).toMatch(/^[0-9a-f]{40}\trefs\/covey\/snapshots\/[0-9a-f]{40}\n$/);
	expect(await pool.machine.exec(["git", "init", "-q", clone])).toMatchObject({ code: 0 });
	expect(await pool.machine.exec(["git", "-C", clone, "fetch", "-q", url, shown.split(/\s/)[1]!])).toMatchObject({ code: 0 });
	expect((await pool.machine.exec(["git", "-C", clone, "show", "FETCH_HEAD:a.txt"])).stdout.toString()).toBe("only in the worktree\n");
});

test("git daemon comes back when it dies, and never outlives the coordinator", async () => {
	verifies("build-agent:git-daemon");
	using repository = new Repository();
	await using pool = await BuildPool.start({ config: ({ git }) => served(git, repository.directory) });
	const { machine } = pool;
	const daemon = async () => (await machine.processes()).filter(({ command }) => command.includes("git-daemon --verbose"));
	const gitListener = async () => (await pool.json<Status>(["build-pool", "status"])).listeners.find(({ purpose }) => purpose === "git");
	const health = async () => JSON.parse((await ask(pool.url, "GET", "/readyz?verbose", {})).text);
	expect(await health()).not.toHaveProperty("degraded");
	// Somebody else is faster at its port, so that it cannot come back yet.
	const thief = await takePort(pool.ports.git, async () => {
		for (const { pid } of await daemon()) process.kill(pid, "SIGKILL");
	});
	await expect.poll(gitListener, { timeout: 20_000 }).toMatchObject({ up: false, reason: expect.stringContaining("Could not bind") });
	expect(await health()).toMatchObject({ ready: true, degraded: [{ listener: "git", reason: expect.stringContaining("Could not bind") }] });
	expect(await pool.expect(["build-pool", "status"])).toContain("down: Could not bind");
	await new Promise((resolve) => thief.close(resolve));
	await expect.poll(gitListener, { timeout: 40_000 }).toMatchObject({ up: true });
	expect(await readFile(join(machine.state, "coordinator/background.log"), "utf8")).toContain("git daemon has ended; it is started again");

	const { pid } = JSON.parse(await readFile(join(machine.state, "coordinator/coordinator.json"), "utf8"));
	process.kill(pid, "SIGKILL");
	await machine.empty("git");
});

test("what cannot be served is refused at the start, with the reason", async () => {
	verifies("build-agent:git-daemon");
	await using pool = await BuildPool.start();
	await pool.expect(["build-pool", "stop"]);
	const refused: readonly (readonly [text: string, says: string])[] = [
		[served(pool.ports.git), "serves only what is named there"],
		[served(pool.ports.git, "relative/path"), "config.toml:10:1: build_pool.git_daemon.repositories"],
		[served(pool.ports.git, pool.machine.home), "is no git repository that this user can read"],
	];
	for (const [text, says] of refused) {
		await pool.configure(text);
		const up = await pool.machine.covey(["up", "--port", "0"]);
		expect(up, says).toMatchObject({ code: 3, stderr: expect.stringContaining(says) });
	}
});

/** Listens where another one did, who is made to let go again and again. */
async function takePort(port: number, evict: () => Promise<void>): Promise<Server> {
	for (let tries = 0; tries < 100; tries++) {
		await evict();
		const server = createServer((socket) => socket.destroy());
		const listening = new Promise<boolean>((resolve) => {
			server.once("error", () => resolve(false));
			server.listen(port, "127.0.0.1", () => resolve(true));
		});
		if (await listening) return server;
	}
	throw new Error(`port ${port} could not be taken`);
}
