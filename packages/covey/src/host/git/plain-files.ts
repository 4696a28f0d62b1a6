import { type GitCall, startGit } from "./git.ts";
import type { GitPath } from "./status.ts";

/**
 * What git makes of files when it takes them in, with the attributes, filters and configuration that hold for their
 * paths. The process is started before the paths are known, so that it waits for them and not they for it.
 */
export interface FileHasher extends Disposable {
	/** The ids of the blobs that git would store, in order; undefined when it would not take one of them. To be asked once. */
	ids(paths: readonly GitPath[]): Promise<readonly string[] | undefined>;
}

/** @param root of the worktree, to which paths are relative. */
export function startFileHasher(root: string, signal?: AbortSignal): FileHasher {
	const call: GitCall = { trust: "user", directory: root, arguments: ["hash-object", "--stdin-paths"], signal };
	const running = startGit(call, { keepInput: true });
	const chunks: Buffer[] = [];
	running.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
	running.ended.catch(() => {});
	return {
		async ids(paths) {
			// One path a line, and a quote at the beginning means something to git.
			if (paths.some((path) => path.includes("\n") || path.startsWith('"'))) return undefined;
			running.stdin.end(Buffer.from(paths.map((path) => `${path}\n`).join(""), "latin1"));
			const { exitCode } = await running.ended;
			const ids = Buffer.concat(chunks).toString("latin1").split("\n").slice(0, -1);
			return exitCode === 0 && ids.length === paths.length ? ids : undefined;
		},
		[Symbol.dispose]: () => running.kill(),
	};
}
