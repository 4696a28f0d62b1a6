import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "#host/fs/replace-file.ts";
import { readSmall } from "./cache.ts";
import { runGit } from "./git.ts";
import type { Repository } from "./repository.ts";

/**
 * What the repository is called in the fleet (RepositoryId): a hash of its origin's URL without protocol, credentials
 * and `.git`, so that all clones of one project share a store; else of its root commit; else of its path.
 * Remembered in `cacheDirectory` until the repository's configuration file changes.
 */
export async function identifyRepository(repository: Repository, cacheDirectory: string, signal?: AbortSignal): Promise<string> {
	const file = join(cacheDirectory, "identities", hash(repository.commonDirectory));
	const stamp = configStamp(repository);
	const [rememberedStamp, rememberedId] = (readSmall(file) ?? "").split("\n");
	if (rememberedStamp === stamp && rememberedId) return rememberedId;
	const source = await identitySource(repository, signal);
	const id = hash(source);
	// A path stands in only until there is a commit: not worth remembering.
	if (!source.startsWith("path ")) {
		await mkdir(join(cacheDirectory, "identities"), { recursive: true, mode: 0o700 });
		await replaceFile(file, `${stamp}\n${id}\n`);
	}
	return id;
}

/**
 * `git@Host:team/app.git`, `https://user:secret@host/team/app` and `ssh://git@host:22/team/app/` are all `host/team/app`.
 * @returns undefined for a path on this machine, which means nothing on another.
 */
export function normaliseRemote(url: string): string | undefined {
	const full = /^(?<protocol>[a-z][a-z0-9+.-]*):\/\/(?:[^/@]*@)?(?<host>[^/:]+|\[[^\]]+\])(?::\d+)?\/(?<path>.*)$/i.exec(url)?.groups;
	if (!full && url.includes("://")) return undefined;
	const short = full ?? /^(?:[^/@:]+@)?(?<host>[^/:@]{2,}|\[[^\]]+\]):(?<path>.*)$/.exec(url)?.groups;
	if (!short?.host || full?.protocol?.toLowerCase() === "file") return undefined;
	const path = (short.path ?? "")
		.replace(/^\/+|\/+$/g, "")
		.replace(/\.git$/, "")
		.replace(/\/{2,}/g, "/");
	return path && `${short.host.toLowerCase()}/${path}`;
}

async function identitySource(repository: Repository, signal?: AbortSignal): Promise<string> {
	const call = { trust: "user", directory: repository.worktreeRoot, signal } as const;
	const origin = await runGit({ ...call, arguments: ["config", "--get", "remote.origin.url"] });
	const remote = normaliseRemote(origin.stdout.toString("utf8").trim());
	if (remote) return `origin ${remote}`;
	if (!repository.head) return `path ${repository.commonDirectory}`;
	const roots = await runGit({ ...call, arguments: ["rev-list", "--max-parents=0", "--end-of-options", repository.head.commit] });
	const root = roots.stdout.toString("latin1").trim().split("\n").sort()[0];
	return root ? `root ${root}` : `path ${repository.commonDirectory}`;
}

function configStamp(repository: Repository): string {
	const config = statSync(join(repository.commonDirectory, "config"), { throwIfNoEntry: false });
	return `${config?.mtimeMs} ${config?.size} ${config?.ino}`;
}

function hash(text: string): string {
	return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
