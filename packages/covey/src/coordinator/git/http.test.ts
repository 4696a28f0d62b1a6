import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { sendError } from "#coordinator/http/answer.ts";
import { packSnapshot } from "#host/git/pack.ts";
import { createScratchRepository } from "#host/git/scratch-repository.ts";
import { createSnapshot } from "#host/git/snapshot.ts";
import { createGitHttp } from "./http.ts";
import { createSnapshotStore } from "./store.ts";
import { handleDownload, handleUpload, offerSnapshot } from "./transfer.ts";

const run = promisify(execFile);

async function startBench() {
	const scratch = createScratchRepository({ "a.txt": "a\n" });
	const store = createSnapshotStore({ directory: join(scratch.home, "store"), now: Date.now });
	const take = () => createSnapshot({ directory: scratch.root, cacheDirectory: scratch.cacheDirectory });
	const secret = await take();
	scratch.write({ "a.txt": "b\n" });
	const shown = await take();
	const key = { namespace: "default", repository: shown.repository };
	for (const snapshot of [secret, shown]) {
		const { content } = await packSnapshot({ snapshot, bases: [] });
		await store.receive(key, { commit: snapshot.commit, tree: snapshot.tree, content });
	}
	const gitHttp = createGitHttp({ store, authorize: (password) => (password === "sesame" ? { ...key, commit: shown.commit } : undefined) });
	const { signal } = new AbortController();
	const server: Server = createServer(async (request, response) => {
		const url = new URL(request.url ?? "/", "http://localhost");
		const [, kind, commit = ""] = /^\/git\/[0-9a-f]{32}\/(snapshots|packs)\/(.*)$/.exec(url.pathname) ?? [];
		const transfer = { store, key, commit, request, response, url, signal };
		try {
			if (kind === "snapshots") await handleUpload(transfer);
			else if (kind === "packs") await handleDownload(transfer);
			else if (!(await gitHttp.handle(request, response, url, signal))) response.writeHead(418).end();
		} catch (error) {
			sendError(response, error);
		}
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
	const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0" };
	return {
		scratch,
		store,
		key,
		secret,
		shown,
		take,
		http: `http://${base}`,
		repository: `http://x:sesame@${base}/git/${key.repository}`,
		git: (...args: string[]) => run("git", args, { cwd: scratch.root, env }),
		async [Symbol.asyncDispose]() {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
			scratch[Symbol.dispose]();
		},
	};
}

describe("git over HTTP", () => {
	test.each(["0", "1", "2"])("gives plain git fetch the one snapshot of its credential, asked in protocol version %s", async (version) => {
		await using bench = await startBench();
		const client = ["-c", `protocol.version=${version}`];
		await bench.git("init", "-q", "--bare", join(bench.scratch.home, "v1"));
		const there = ["-C", join(bench.scratch.home, "v1"), ...client];
		await bench.git(...there, "fetch", "-q", bench.repository, bench.shown.commit);
		expect((await bench.git(...there, "rev-parse", `${bench.shown.commit}^{tree}`)).stdout.trim()).toBe(bench.shown.tree);
		expect((await bench.git(...client, "ls-remote", bench.repository)).stdout.trim()).toBe(
			`${bench.shown.commit}\trefs/covey/snapshots/${bench.shown.commit}`,
		);
		await expect(bench.git(...there, "fetch", "-q", bench.repository, bench.secret.commit)).rejects.toThrow();
		await expect(bench.git(...there, "fetch", "-q", bench.repository, bench.secret.tree)).rejects.toThrow();
	});

	test("refuses every push", async () => {
		await using bench = await startBench();
		for (const ref of ["refs/heads/main", `refs/covey/snapshots/${bench.shown.commit}`]) {
			await expect(bench.git("push", bench.repository, `HEAD:${ref}`)).rejects.toThrow(/403/);
		}
		const pushed = await fetch(`${bench.http}/git/${bench.key.repository}/git-receive-pack`, { method: "POST", body: "0000" });
		expect(pushed.status).toBe(403);
	});

	test("asks for a credential, and knows no other repository and no other path", async () => {
		await using bench = await startBench();
		const ask = (path: string, password = "sesame") =>
			fetch(`${bench.http}${path}`, { headers: { authorization: `Basic ${Buffer.from(`x:${password}`).toString("base64")}` } });
		const refs = "info/refs?service=git-upload-pack";
		const wrong = await ask(`/git/${bench.key.repository}/${refs}`, "guess");
		expect([wrong.status, wrong.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="covey"']);
		expect((await ask(`/git/${"0".repeat(32)}/${refs}`)).status).toBe(404);
		expect((await ask(`/git/..%2f..%2fetc/${refs}`)).status).toBe(404);
		expect((await ask(`/git/${bench.key.repository}/info/refs`)).status).toBe(403);
		expect((await ask(`/git/${bench.key.repository}/HEAD`)).status).toBe(418);
		expect((await ask(`/git/${bench.key.repository}/${refs}`)).status).toBe(200);
	});

	test("refuses a request that unpacks to more than it may", async () => {
		await using bench = await startBench();
		const post = (body: Buffer) =>
			fetch(`${bench.http}/git/${bench.key.repository}/git-upload-pack`, {
				method: "POST",
				headers: { authorization: `Basic ${Buffer.from("x:sesame").toString("base64")}`, "content-encoding": "gzip" },
				body: new Uint8Array(body),
			});
		expect((await post(gzipSync(Buffer.alloc(64 * 1024 * 1024)))).status).toBe(413);
		expect((await post(Buffer.from("not gzip"))).status).toBe(400);
	});

	test("takes packs in and gives them out", async () => {
		await using bench = await startBench();
		bench.scratch.write({ "a.txt": "c\n" });
		const next = await bench.take();
		const offer = await offerSnapshot(bench.store, "default", next);
		expect(offer.have).toBe(false);
		const pack = await packSnapshot({ snapshot: next, bases: offer.bases });
		expect(pack.bases.length).toBeGreaterThan(0);
		const chunks: Uint8Array[] = [];
		for await (const chunk of pack.content) chunks.push(chunk);
		const bases = pack.bases.map((base) => `&base=${base}`).join("");
		const up = await fetch(`${bench.http}${offer.upload}${bases}`, { method: "POST", body: Buffer.concat(chunks) });
		expect([up.status, await up.json()]).toEqual([200, { commit: next.commit, bytes: Buffer.concat(chunks).length }]);
		expect((await offerSnapshot(bench.store, "default", next)).have).toBe(true);
		const haves = pack.bases.map((base) => `have=${base}`).join("&");
		const down = await fetch(`${bench.http}/git/${bench.key.repository}/packs/${next.commit}?${haves}`);
		expect(Buffer.from(await down.arrayBuffer())).toEqual(Buffer.concat(chunks));
		const none = await fetch(`${bench.http}/git/${bench.key.repository}/packs/${"0".repeat(40)}`);
		expect(none.status).toBe(404);
	});

	test("takes a small pack that comes with the offer, and wants another when it is of no use", async () => {
		await using bench = await startBench();
		const edit = async (text: string) => {
			bench.scratch.write({ "a.txt": text });
			const snapshot = await bench.take();
			await snapshot.delivered();
			return snapshot;
		};
		const before = await edit("c\n");
		const next = await edit("d\n");
		const { bases, content } = next.smallPack!;
		expect(bases).toEqual([before.commit]);
		const pack = { bases: [...bases], content: content.toString("base64") };
		expect((await offerSnapshot(bench.store, "default", next, pack)).have).toBe(false);
		const [, known] = await bench.store.bases(bench.key);
		expect((await offerSnapshot(bench.store, "default", next, { ...pack, bases: [known!] })).have).toBe(true);
		const other = await edit("e\n");
		const torn = { bases: [known!], content: other.smallPack!.content.subarray(0, -1).toString("base64") };
		expect((await offerSnapshot(bench.store, "default", other, torn)).have).toBe(false);
		const whole = { bases: [next.commit], content: other.smallPack!.content.toString("base64") };
		expect((await offerSnapshot(bench.store, "default", other, whole)).have).toBe(true);
	});
});
