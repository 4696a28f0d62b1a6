import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packSnapshot } from "#host/git/pack.ts";
import { createScratchRepository } from "#host/git/scratch-repository.ts";
import { createSnapshot } from "#host/git/snapshot.ts";
import { persist } from "#worker/persist.ts";
import { createWorktreePool } from "#worker/worktrees/pool.ts";
import { bringBack } from "./artifacts.ts";
import { fetchPack } from "./pack.ts";

/** A coordinator whose link is down at the first look. */
async function serve(listener: RequestListener) {
	const server = createServer(listener).listen(0, "127.0.0.1");
	await once(server, "listening");
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	let looks = 0;
	return {
		coordinator: () => ({ url, token: looks++ === 0 ? undefined : "token" }),
		async [Symbol.asyncDispose]() {
			server.closeAllConnections();
			server.close();
			await once(server, "close");
		},
	};
}

test("a pack arrives though the link was down at first and then broke in the middle of it", async () => {
	using scratch = createScratchRepository();
	const of = await createSnapshot({ directory: scratch.root, cacheDirectory: scratch.cacheDirectory });
	const pack = Buffer.concat(await Array.fromAsync((await packSnapshot({ snapshot: of, bases: [] })).content));
	let asked = 0;
	await using server = await serve((_, response) => {
		if (++asked > 1) return response.end(pack);
		response.writeHead(200, { "content-length": pack.length });
		response.write(pack.subarray(0, 20), () => response.destroy());
	});
	const pool = createWorktreePool({ directory: join(scratch.home, "pool"), freeBytesMin: 0 });
	const { repository, commit, tree } = of;
	await using worktree = await pool.acquire({
		namespace: "default",
		repository,
		commit,
		tree,
		clean: false,
		fetchPack: (have, signal) => fetchPack(server.coordinator(), { namespace: "default", repository, commit, have }, signal),
	});
	expect(existsSync(join(worktree.root, "a.txt"))).toBe(true);
	expect(asked).toBe(2);
});

test("artifacts come back though the link was down at first and then broke in the middle of one", async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-transfer-"));
	try {
		const root = join(directory, "root");
		await mkdir(root);
		await writeFile(join(root, "out"), "built");
		const bodies: string[] = [];
		let asked = 0;
		await using server = await serve(async (request, response) => {
			if (++asked === 1) return request.socket.destroy();
			bodies.push(Buffer.concat(await Array.fromAsync(request)).toString());
			response.end();
		});
		const brought = await bringBack({ directory, coordinator: server.coordinator }, root, ["out"], new AbortController().signal);
		expect(brought).toMatchObject({ artifacts: [{ path: "out" }], missing: [] });
		expect(bodies).toEqual(["built"]);
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
});

test("another program that answers in the coordinator's place is named at once and not asked again", async () => {
	let asked = 0;
	await using server = await serve((_, response) => {
		asked++;
		response.writeHead(404, { "content-type": "text/html" }).end("<html>Not Found</html>");
	});
	const { url } = server.coordinator();
	const request = { namespace: "default", repository: "r", commit: "c", have: [] };
	const failure = await persist(() => fetchPack({ url, token: "token" }, request)).catch((error) => error);
	expect(failure).toMatchObject({
		code: "version_mismatch",
		message: expect.stringMatching(/answers \(404\), but is not a Covey coordinator/),
	});
	expect(asked).toBe(1);
});
