/** Git's index, read without a process: which object each path has, and which tree each directory is known to be. */
export interface IndexFile {
	readonly entries: number;
	/** Of one object in hex: 40 or 64. */
	readonly idLength: number;
	/** Bytes as latin1, sorted as bytes. */
	path(entry: number): string;
	/** As in a tree: `100644`, `100755`, `120000`, `160000`. */
	mode(entry: number): string;
	id(entry: number): string;
	/** Where in the file it begins; that of `entries` is where the last one ends. */
	offset(entry: number): number;
	/** Where the entries that begin with `prefix` end, of which `from` is the first and `to` lies behind. */
	endOf(from: number, to: number, prefix: string, known: KnownTree | undefined): number;
	/** What git knows of the trees; undefined when it knows nothing. */
	readonly trees: KnownTree | undefined;
}

/** One directory in the index's cache of trees. */
export interface KnownTree {
	/** Undefined: something below has changed since the tree was written. */
	readonly id: string | undefined;
	/** How many entries of the index lie below it; 0 when `id` is undefined. */
	readonly entries: number;
	readonly directories: ReadonlyMap<string, KnownTree>;
}

/**
 * Reads version 2 (gitformat-index(5)). What is out of the ordinary is not read: other versions (paths kept out of a
 * sparse checkout, intended additions), entries assumed to be unchanged, a merge in progress, a split or sparse index.
 *
 * @returns undefined for all that, and for a file that is cut short: whoever asks then has git read it.
 */
export function parseIndex(content: Buffer, idLength: number): IndexFile | undefined {
	const idBytes = idLength / 2;
	if (content.length < headerBytes + idBytes || content.toString("latin1", 0, 4) !== "DIRC" || content.readUInt32BE(4) !== 2)
		return undefined;
	const entries = content.readUInt32BE(8);
	const end = content.length - idBytes;
	const offsets = new Uint32Array(entries + 1);
	const lengths = new Uint32Array(entries);
	const flagsAt = statBytes + idBytes;
	let at = headerBytes;
	for (let entry = 0; entry < entries; entry++) {
		const pathAt = at + flagsAt + 2;
		if (pathAt >= end) return undefined;
		const flags = content.readUInt16BE(at + flagsAt);
		if ((flags & ~lengthMask) !== 0) return undefined;
		const length = (flags & lengthMask) < lengthMask ? flags & lengthMask : content.indexOf(0, pathAt) - pathAt;
		offsets[entry] = at;
		lengths[entry] = length;
		// Each entry ends with one to eight NUL bytes, at a multiple of eight.
		at += (flagsAt + 2 + length + 8) & ~7;
	}
	offsets[entries] = at;
	const trees = readExtensions(content, at, end, idBytes);
	if (trees === "unknown") return undefined;
	const offset = (entry: number) => offsets[entry] as number;
	const path = (entry: number) =>
		content.toString("latin1", offset(entry) + flagsAt + 2, offset(entry) + flagsAt + 2 + (lengths[entry] as number));
	return {
		entries,
		idLength,
		path,
		mode: (entry) => content.readUInt32BE(offset(entry) + modeAt).toString(8),
		id: (entry) => content.toString("hex", offset(entry) + statBytes, offset(entry) + flagsAt),
		offset,
		endOf(from, to, prefix, known) {
			if (known && known.entries > 0 && from + known.entries <= to) return from + known.entries;
			let [low, high] = [from + 1, to];
			while (low < high) {
				const middle = (low + high) >>> 1;
				if (path(middle).startsWith(prefix)) low = middle + 1;
				else high = middle;
			}
			return low;
		},
		trees,
	};
}

const headerBytes = 12;
/** Ten numbers of four bytes: times, device, inode, mode, owner, group, size. */
const statBytes = 40;
const modeAt = 24;
/** The other flags: unchanged by assumption, extended, stage of a merge. */
const lengthMask = 0xfff;

/** Those with a lower-case name change what the entries mean; of the others only the trees are of use. */
function readExtensions(content: Buffer, from: number, end: number, idBytes: number): KnownTree | undefined | "unknown" {
	let trees: KnownTree | undefined;
	for (let at = from; at < end; ) {
		if (at + 8 > end) return "unknown";
		const name = content.toString("latin1", at, at + 4);
		const length = content.readUInt32BE(at + 4);
		at += 8 + length;
		if (at > end || !/^[A-Z]/.test(name)) return "unknown";
		if (name === "TREE") trees = readTree({ content, at: at - length, idBytes });
	}
	return trees;
}

/** `name NUL entries SP subtrees LF id`, the root first and each tree before those in it. */
function readTree(reader: { readonly content: Buffer; at: number; readonly idBytes: number }): KnownTree {
	const { content, idBytes } = reader;
	const name = content.indexOf(0, reader.at);
	const line = content.indexOf(10, name);
	const [entries = 0, subtrees = 0] = content
		.toString("latin1", name + 1, line)
		.split(" ")
		.map(Number);
	reader.at = line + 1;
	const valid = entries >= 0;
	const id = valid ? content.toString("hex", reader.at, reader.at + idBytes) : undefined;
	if (valid) reader.at += idBytes;
	const directories = new Map<string, KnownTree>();
	for (let i = 0; i < subtrees; i++) {
		const name = content.toString("latin1", reader.at, content.indexOf(0, reader.at));
		directories.set(name, readTree(reader));
	}
	return { id, entries: valid ? entries : 0, directories };
}
