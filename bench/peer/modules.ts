import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** What the peers are made of. Not ours to depend on, so it is installed beside the checkout and kept for the next time. */
const packages = ["bullmq@6.7.0", "ioredis@5", "graphile-worker@0.18.0", "pg@8"] as const;

/** The directory that has the peers' packages. @throws when npm cannot bring them. */
export function peerModules(): string {
	const directory = join(tmpdir(), "covey-bench-peers");
	mkdirSync(directory, { recursive: true });
	if (!packages.every((name) => existsSync(join(directory, "node_modules", name.replace(/@.*/, "")))))
		execFileSync("npm", ["install", "--no-audit", "--no-fund", "--silent", "--prefix", directory, ...packages], {
			stdio: ["ignore", "ignore", "inherit"],
		});
	return directory;
}

/** A package of the peers, untyped: the peers' files say what they use of it. */
export async function importPeer<T>(name: string): Promise<T> {
	return import(pathToFileURL(createRequire(join(peerModules(), "here.js")).resolve(name)).href);
}
