import { lstat, mkdir, realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { CoveyError } from "@covey/protocol/errors";

/**
 * The absolute path of `relative` below `root`, safe to open, replace or remove: the name itself cannot climb out, and
 * the directory that holds it lies below `root` after all symbolic links are followed. The last part may itself be a
 * link: look with `lstat`.
 *
 * @throws CoveyError `bad_request` for a path that leads out, `not_found` when its directory does not exist.
 */
export async function resolveInside(root: string, relative: string): Promise<string> {
	const parts = splitRelative(relative);
	const realRoot = await realpath(root);
	const path = join(realRoot, ...parts);
	const parent = await realpath(dirname(path)).catch((cause) => {
		throw new CoveyError("not_found", `${JSON.stringify(relative)} does not exist in ${root}`, { cause });
	});
	if (path !== realRoot && parent !== realRoot && !parent.startsWith(realRoot + sep)) throw leadsOut(relative);
	return path;
}

/**
 * Makes the directory `relative` and those above it, all below `root`.
 * @throws CoveyError `conflict` when something else, a symbolic link too, stands in the way; `bad_request` for a path that leads out.
 */
export async function makeDirectoryInside(root: string, relative: string): Promise<string> {
	let path = await realpath(root);
	for (const part of splitRelative(relative)) {
		path = join(path, part);
		const found = await lstat(path).catch(() => undefined);
		if (found && !found.isDirectory())
			throw new CoveyError("conflict", `${path} is in the way: it is no directory`, { hint: "move it away" });
		if (!found) await mkdir(path);
	}
	return path;
}

/**
 * The parts of a relative path with forward slashes; `.` and empty parts are dropped. A backslash counts as a
 * separator too, so that a name means the same on every system.
 * @throws CoveyError `bad_request` for an absolute path, a drive, a share, a part `..`, or a NUL.
 */
export function splitRelative(relative: string): readonly string[] {
	const parts = relative.split("/").filter((part) => part !== "" && part !== ".");
	const climbs = relative.split(/[/\\]/).includes("..");
	if (relative === "" || climbs || relative.includes("\0") || /^([/\\]|[A-Za-z]:)/.test(relative)) throw leadsOut(relative);
	return parts;
}

function leadsOut(path: string): CoveyError {
	return new CoveyError("bad_request", `the path ${JSON.stringify(path)} leads out of its directory`, {
		hint: "use a relative path that stays inside",
	});
}
