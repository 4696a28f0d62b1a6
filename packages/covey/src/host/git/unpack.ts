import { CoveyError } from "@covey/protocol/errors";
import { diskFull, runGit } from "./git.ts";
import { readAhead } from "./read-ahead.ts";

export interface UnpackOptions {
	/** The bare repository that the pack belongs to. */
	readonly directory: string;
	/** GIT_OBJECT_DIRECTORY and alternates, when the objects are to go elsewhere first. */
	readonly environment?: Readonly<Record<string, string>>;
	readonly content: AsyncIterable<Uint8Array>;
	readonly bytesMax: number;
	/** Refuse objects that are malformed, dangerous (a path `.git`), or refer to objects that are nowhere. */
	readonly strict: boolean;
	readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a thin pack: few objects become loose ones, many stay a pack, as `git receive-pack` does it. Every object is
 * hashed, so what arrives under a name is that object.
 *
 * @throws CoveyError `bad_snapshot` (not a pack, an object is refused or missing), `too_large`, `store_full`, or whatever `content` throws.
 */
export async function unpack(options: UnpackOptions): Promise<{ readonly bytes: number; readonly objects: number }> {
	const { head, rest } = await readAhead(options.content, headerBytes);
	if (head.length < headerBytes || head.toString("latin1", 0, 4) !== "PACK") {
		throw new CoveyError("bad_snapshot", "what was sent as a pack is not a git pack");
	}
	const objects = head.readUInt32BE(8);
	const strict = options.strict ? [`--strict=${toleratedFaults}`] : [];
	const small = ["unpack-objects", "-q", ...strict];
	const large = ["index-pack", "--stdin", "--fix-thin", ...strict];
	let bytes = 0;
	async function* counted() {
		for await (const chunk of rest) {
			bytes += chunk.length;
			if (bytes > options.bytesMax) throw new CoveyError("too_large", `the pack is larger than ${options.bytesMax} bytes`);
			yield chunk;
		}
	}
	const { directory } = options;
	const { exitCode, stderr } = await runGit({
		trust: "own",
		directory,
		environment: { GIT_DIR: directory, GIT_ALLOC_LIMIT: String(objectBytesMax), ...options.environment },
		input: counted(),
		arguments: [...durable, ...(objects <= looseObjectsMax ? small : large)],
		signal: options.signal,
	});
	if (exitCode !== 0)
		throw (
			diskFull({ directory }, { stderr }) ??
			new CoveyError("bad_snapshot", `git refused the pack: ${stderr.trim() || `exit code ${exitCode}`}`)
		);
	return { bytes, objects };
}

const headerBytes = 12;
const looseObjectsMax = 256;
/** Of one object, unpacked: git refuses to allocate more, which also stops a small pack that expands to a huge object. */
const objectBytesMax = 1024 * 1024 * 1024;
/** Old histories have trees like that, and they are harmless. */
const toleratedFaults = "zeroPaddedFilemode=ignore";
/** A snapshot that was acknowledged is on disk. One flush for all of its objects. */
const durable = [
	"core.fsync=loose-object,pack,pack-metadata",
	"core.fsyncMethod=batch",
	`core.bigFileThreshold=${2 * objectBytesMax}`,
].flatMap((setting) => ["-c", setting]);
