import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPeer, type Peer } from "#coordinator/ws/link.fixture.ts";
import { snapshotCommit } from "#host/git/object.ts";
import { ask, residentBytes } from "../kit/door.ts";
import { Fleet } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";

const run = promisify(execFile);
const scratch = mkdtempSync(join(tmpdir(), "covey-git-security-"));
const git = (...words: string[]) =>
	run("git", words, {
		cwd: scratch,
		env: { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0" },
	});

let fleet: Fleet;
let foreign: Peer;
beforeAll(async () => {
	fleet = await Fleet.start({ workers: 1 });
	await git("init", "-q", "--bare", ".");
	const token = (await fleet.token("worker")).trim();
	foreign = createPeer(`${fleet.url.replace("http", "ws")}/ws`, { authorization: `Bearer ${token}` });
	await foreign.opened();
	foreign.send({ type: "register", worker_id: "foreign", max_jobs: 4 });
	await fleet.worker("foreign", "connected");
});
afterAll(async () => {
	foreign.socket.terminate();
	await fleet[Symbol.asyncDispose]();
	rmSync(scratch, { recursive: true, force: true });
});

/** A job of the foreign worker, with the URL that plain git gets. */
async function takeJob(repository: Repository) {
	const running = fleet.run(["--on", "foreign", "--no-merge", "--", "true"], { cwd: repository.directory });
	const job = (await foreign.message("job" as never)) as unknown as { job_id: string; repo: string; commit: string };
	return { ...job, running };
}

describe("the URL of a job", () => {
	it("opens one snapshot, to read, while the attempt lives", async () => {
		using repository = new Repository({ file: "first\n" });
		const first = await takeJob(repository);
		repository.write({ file: "second\n" });
		const second = await takeJob(repository);
		expect((await git("ls-remote", first.repo)).stdout).toBe(`${first.commit}\trefs/covey/snapshots/${first.commit}\n`);
		await git("fetch", "-q", first.repo, first.commit);
		for (const version of ["0", "1", "2"])
			await expect(git("-c", `protocol.version=${version}`, "fetch", "-q", first.repo, second.commit), version).rejects.toThrow();
		for (const ref of ["refs/heads/main", "refs/covey/snapshots/x", `refs/covey/snapshots/${first.commit}`])
			await expect(git("push", first.repo, `${first.commit}:${ref}`), ref).rejects.toThrow(/403/);
		await expect(git("push", first.repo, `:refs/covey/snapshots/${first.commit}`)).rejects.toThrow(/403/);

		const { username, password, pathname } = new URL(first.repo);
		const authorization = `Basic ${btoa(`${username}:${password}`)}`;
		for (const path of [`/git/${"0".repeat(32)}`, "/git/..", "/git/default", pathname.replace("/git/", "/git/%2e%2e%2f")]) {
			const { status } = await ask(fleet.url, "GET", `${path}/info/refs?service=git-upload-pack`, { headers: { authorization } });
			expect(status, path).toBe(404);
		}
		for (const path of ["HEAD", "objects/info/packs", "config", `objects/${first.commit.slice(0, 2)}/${first.commit.slice(2)}`])
			expect((await ask(fleet.url, "GET", `${pathname}/${path}`, { headers: { authorization } })).status, path).toBe(404);
		for (const { job_id } of [first, second]) foreign.send({ type: "complete", job_id, exit_code: 0 });
		expect([(await first.running).code, (await second.running).code]).toEqual([0, 0]);
		await expect(git("ls-remote", first.repo)).rejects.toThrow(/Authentication failed|could not read|401/);
	});
});

describe("the doors of git", () => {
	it("take object ids and nothing that git could read as an option, a ref or a path", async () => {
		const authorization = `Bearer ${(await fleet.token("client", "--role", "admin")).trim()}`;
		const trap = fc.constantFrom(
			"--upload-pack=touch x",
			"--output=x",
			"-c core.pager=x",
			"HEAD",
			"refs/heads/main",
			"@{-1}",
			":/x",
			"^",
			"..",
		);
		const id = fc
			.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 38, maxLength: 42 })
			.filter((text) => text.length !== 40);
		const word = fc.oneof(trap, id, fc.string({ minLength: 1, unit: "grapheme" })).map(encodeURIComponent);
		for (const [repository, commit, tree, base] of fc.sample(fc.tuple(word, word, word, word), { seed: 3, numRuns: 60 })) {
			const good = { repository: "0".repeat(32), commit: "0".repeat(40) };
			for (const path of [
				`/git/${repository}/snapshots/${good.commit}?tree=${good.commit}`,
				`/git/${good.repository}/snapshots/${commit}?tree=${good.commit}`,
				`/git/${good.repository}/snapshots/${good.commit}?tree=${tree}`,
				`/git/${good.repository}/snapshots/${good.commit}?tree=${good.commit}&base=${base}`,
				`/git/${good.repository}/snapshots/${good.commit}?tree=${good.commit}&namespace=${base}`,
			]) {
				const { status } = await ask(fleet.url, "POST", path, { headers: { authorization } });
				expect([400, 404], path).toContain(status);
			}
		}
		expect(fleet.daemon.stderr).not.toMatch(/^[\d:.]+ error /m);
	});
});

/** A pack of one blob that says how large it is: its content is zeros. */
function bomb(declaredBytes: number, content: Buffer): Buffer {
	const header = Buffer.from([...Buffer.from("PACK"), 0, 0, 0, 2, 0, 0, 0, 1]);
	const size: number[] = [(3 << 4) | (declaredBytes % 16)];
	for (let rest = Math.floor(declaredBytes / 16); rest > 0; rest = Math.floor(rest / 128)) {
		size[size.length - 1]! |= 0x80;
		size.push(rest % 128);
	}
	const body = Buffer.concat([header, Buffer.from(size), deflateSync(content)]);
	return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

describe("a pack that expands", () => {
	it("beyond what an object may have, or beyond what it says, is refused and leaves nothing", async () => {
		const authorization = `Bearer ${(await fleet.token("client", "--role", "submit")).trim()}`;
		const tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
		const { commit } = snapshotCommit(tree);
		const repository = "b".repeat(32);
		const zeros = Buffer.alloc(32 * 1024 * 1024);
		const before = residentBytes(fleet.daemon.pid);
		for (const pack of [bomb(10 * 1024 ** 3, zeros), bomb(100, zeros), bomb(4 * 1024 ** 5, Buffer.alloc(100))]) {
			const path = `/git/${repository}/snapshots/${commit}?tree=${tree}`;
			const { status, text } = await ask(fleet.url, "POST", path, { headers: { authorization }, body: pack });
			expect([status, JSON.parse(text).code], text).toEqual([422, "bad_snapshot"]);
		}
		const stored = join(fleet.coordinator.state, "coordinator/git/default", `${repository}.git`);
		expect((readdirSync(stored, { recursive: true }) as string[]).filter((name) => /pack-|[0-9a-f]{38}|tmp_/.test(name))).toEqual([]);
		expect(residentBytes(fleet.daemon.pid) - before).toBeLessThan(100 * 1024 * 1024);
	});
});

describe("a run of a repository that bites", () => {
	it("starts no hook, monitor, remote helper, credential helper, ssh or editor of its configuration", async () => {
		using repository = new Repository({ file: "x\n" });
		const bitten = join(scratch, "bitten");
		const bite = `touch ${bitten}`;
		const hooks = [
			"post-checkout",
			"pre-commit",
			"post-commit",
			"post-index-change",
			"reference-transaction",
			"pre-push",
			"fsmonitor-watchman",
		];
		repository.write(Object.fromEntries(hooks.map((name) => [`.git/hooks/${name}`, `#!/bin/sh\n${bite}-${name}\n`])));
		for (const name of hooks) chmodSync(join(repository.directory, ".git/hooks", name), 0o755);
		const settings: Record<string, string> = {
			"core.fsmonitor": `${bite}; false`,
			"core.sshCommand": bite,
			"core.askPass": bite,
			"core.pager": bite,
			"core.editor": bite,
			"core.alternateRefsCommand": bite,
			"credential.helper": `!${bite}`,
			"diff.external": bite,
			"gpg.program": bite,
			"uploadpack.packObjectsHook": bite,
			"protocol.ext.allow": "always",
			"remote.origin.url": `ext::sh -c ${bite.replace(" ", "% ")}`,
			"alias.status": `!${bite}`,
		};
		for (const [key, value] of Object.entries(settings)) repository.git("config", key, value);
		repository.write({ file: "y\n", new: "z\n", ".gitattributes": "* diff=x textconv=x\n" });
		const { code, stdout, stderr } = await fleet.run(["--on", "worker-1", "--", "cat", "file", "new"], { cwd: repository.directory });
		expect([code, stdout.toString()], stderr).toEqual([0, "y\nz\n"]);
		expect((await run("ls", [scratch])).stdout).not.toContain("bitten");
		expect(existsSync(bitten)).toBe(false);
	});
});
