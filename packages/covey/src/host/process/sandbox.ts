import { realpathSync, statSync } from "node:fs";

/** What a job in a sandbox sees of the file system: all of it read-only, but for these. */
export interface Sandbox {
	/** Files and directories that it may change, as its worktree. */
	readonly writable: readonly string[];
	/** Files and directories that are empty for it, as keys. What is both, or lies within, `writable` wins. */
	readonly hidden: readonly string[];
}

/**
 * The command in bubblewrap: own `/tmp`, own process ids, so that it neither reads the worker's keys nor sees its
 * processes. The network is shared. Without `--die-with-parent`: TERM would then take the job's grace away together with
 * bubblewrap; the tree's own end and the sweep of orphans see to it that nothing stays.
 */
export function withSandbox(command: readonly string[], cwd: string, sandbox: Sandbox): readonly string[] {
	return [
		"bwrap",
		...["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"],
		...existing(sandbox.hidden).flatMap((path) => (statSync(path).isDirectory() ? ["--tmpfs", path] : ["--ro-bind", "/dev/null", path])),
		...existing(sandbox.writable).flatMap((path) => ["--bind", path, path]),
		...["--unshare-pid", "--unshare-ipc", "--chdir", realpathSync(cwd), "--", ...command],
	];
}

/** Bubblewrap mounts on real paths only. */
function existing(paths: readonly string[]): string[] {
	return paths.flatMap((path) => {
		try {
			return [realpathSync(path)];
		} catch {
			return [];
		}
	});
}
