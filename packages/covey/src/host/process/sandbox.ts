import { realpathSync, statSync } from "node:fs";
import { findCommand } from "./command.ts";

/** What a job in a sandbox sees of the file system: all of it read-only, but for these. */
export interface Sandbox {
	/** Files and directories that it may change, as its worktree. */
	readonly writable: readonly string[];
	/** Files and directories that are empty for it, as keys. What is both, or lies within, `writable` wins. */
	readonly hidden: readonly string[];
	/** What the job's environment sets for the loader, from `withoutLoader`. */
	readonly loader?: Readonly<Record<string, string>>;
}

/**
 * The command in bubblewrap: own `/tmp`, own process ids, so that it neither reads the worker's keys nor sees its
 * processes; no capabilities, with which root could mount it all away. The network is shared. Without `--die-with-parent`: TERM would then take the job's grace away together with
 * bubblewrap; the tree's own end and the sweep of orphans see to it that nothing stays. It is found on the worker's own
 * `PATH`: the job's may name a program of the job's.
 * @throws StartError when there is none.
 */
export function withSandbox(command: readonly string[], cwd: string, sandbox: Sandbox): readonly string[] {
	return [
		findCommand("bwrap", "/", process.env.PATH ?? "/usr/bin:/bin"),
		...["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"],
		...existing(sandbox.hidden).flatMap((path) => (statSync(path).isDirectory() ? ["--tmpfs", path] : ["--ro-bind", "/dev/null", path])),
		...existing(sandbox.writable).flatMap((path) => ["--bind", path, path]),
		...Object.entries(sandbox.loader ?? {}).flatMap(([name, value]) => ["--setenv", name, value]),
		...["--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL", "--chdir", realpathSync(cwd), "--", ...command],
	];
}

/**
 * Parts an environment: what tells the loader which code to run must reach the job alone, since bubblewrap itself, which
 * starts outside of the sandbox with the job's environment, would obey it too.
 */
export function withoutLoader(environment: Readonly<Record<string, string>>) {
	const loads = ([name]: [string, string]) => /^(LD_|GLIBC_|MALLOC_|GCONV_PATH$|LOCPATH$|NIX_LD)/.test(name);
	const entries = Object.entries(environment);
	return {
		loader: Object.fromEntries(entries.filter(loads)),
		environment: Object.fromEntries(entries.filter((entry) => !loads(entry))),
	};
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
