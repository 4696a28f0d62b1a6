import { posix } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { splitRelative } from "./resolve-inside.ts";

/** What an archive of ours may hold, whoever made it. On top of what the tar library refuses by itself. */
export const archiveLimits = { entriesMax: 200_000, bytesMax: 16 * 1024 * 1024 * 1024, depthMax: 64 };

export interface ArchiveEntry {
	readonly path: string;
	/** As the tar library names it. */
	readonly type: string;
	readonly size: number;
	readonly linkpath?: string | undefined;
}

/**
 * Judges the entries of one archive, in order. @returns a function that throws CoveyError `bad_request` for an entry
 * that has no place in an artifact: a path or link that leads out, a hard link, a device, a pipe, a name twice (also
 * in another case), control characters, a path into `.git`; and for an archive over the limits.
 */
export function createArchivePolicy(limits = archiveLimits): (entry: ArchiveEntry) => void {
	const seen = new Set<string>();
	let bytes = 0;
	return (entry) => {
		const refuse = (why: string) => {
			throw new CoveyError("bad_request", `the archive's entry ${JSON.stringify(entry.path)} ${why}`, {
				hint: "the artifact was not placed",
			});
		};
		const name = splitRelative(entry.path).join("/");
		const folded = name.normalize("NFC").toLowerCase();
		bytes += entry.size;
		if (!["File", "OldFile", "ContiguousFile", "Directory", "SymbolicLink"].includes(entry.type)) refuse(`is a ${entry.type}`);
		if (/[\u0000-\u001f\u007f-\u009f]/.test(entry.path)) refuse("has a control character in its name");
		if (leadsIntoGit(name)) refuse("belongs to a git repository");
		if (seen.has(folded)) refuse("occurs twice, perhaps in another case");
		if (name.split("/").length > limits.depthMax) refuse(`lies deeper than ${limits.depthMax} directories`);
		if (entry.type === "SymbolicLink" && !linkStaysInside(name, entry.linkpath ?? "")) refuse("is a link that leads out");
		seen.add(folded);
		if (seen.size > limits.entriesMax) refuse(`is one more than the ${limits.entriesMax} that an artifact may have`);
		if (bytes > limits.bytesMax) refuse(`goes over the ${limits.bytesMax} bytes that an artifact may have`);
	};
}

/**
 * Does the path lead into a `.git`, also as other file systems spell it (case, short name, trailing dots, a stream,
 * characters that HFS+ ignores)? Whoever writes there has git run a program of theirs at its next call.
 */
export function leadsIntoGit(path: string): boolean {
	return path.split(/[/\\]/).some((part) => /^(\.git|git~1)[. ]*(:.*)?$/i.test(part.replace(ignoredByHfs, "")));
}

const ignoredByHfs = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/** By its text alone. Nothing is ever written through a link, so that is enough. */
export function linkStaysInside(name: string, target: string): boolean {
	if (target === "" || target.startsWith("/") || target.includes("\\") || target.includes("\0")) return false;
	const end = posix.normalize(posix.join(posix.dirname(name), target));
	return end !== ".." && !end.startsWith("../");
}
