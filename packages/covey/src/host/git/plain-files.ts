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
	let answered = "";
	running.stdout.on("data", (chunk: Buffer) => {
		answered += chunk.toString("latin1");
	});
	running.ended.catch(() => {});
	return {
		async ids(paths) {
			// One path a line, and a quote at the beginning means something to git.
			if (paths.some((path) => path.includes("\n") || path.startsWith('"'))) return undefined;
			const lines = () => answered.split("\n").slice(0, -1);
			const { promise, resolve } = Promise.withResolvers<void>();
			// Each answer comes at once: the last one is not to wait for the end of the process.
			running.stdout.on("data", () => lines().length === paths.length && resolve());
			running.stdin.end(Buffer.from(paths.map((path) => `${path}\n`).join(""), "latin1"));
			await Promise.race([promise, running.ended]);
			return lines().length === paths.length ? lines() : undefined;
		},
		[Symbol.dispose]: () => running.kill(),
	};
}
