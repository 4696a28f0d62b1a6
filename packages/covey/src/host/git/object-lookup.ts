import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { constants, inflateSync } from "node:zlib";
import { type GitObject, loosePath } from "./object.ts";

/** What kind of object an id names, if it is there. Holds packs open until it is disposed of. */
export interface ObjectLookup extends Disposable {
	/** Undefined: not there, of another kind, or nothing that can be told without git. */
	typeOf(id: string): GitObject["type"] | undefined;
}

/**
 * Looks into one directory of objects, loose and packed (gitformat-pack(5), index version 2), at once and without a
 * process. Alternates are not followed, and what has a very large index is not read. @throws what the disk throws.
 */
export function openObjectLookup(objects: string, idLength: number): ObjectLookup {
	const directory = join(objects, "pack");
	const names = readdirSync(directory).filter((name) => name.endsWith(".idx"));
	const packs = names.flatMap((name) => readPackIndex(join(directory, name), idLength / 2) ?? []);
	const files = new Map<PackIndex, number>();
	const fileOf = (pack: PackIndex): number => {
		const file = files.get(pack) ?? openSync(pack.packPath, "r");
		files.set(pack, file);
		return file;
	};
	const typeOf = (id: string, hops = 0): GitObject["type"] | undefined => {
		for (const pack of packs) {
			const offset = pack.find(id);
			if (offset !== undefined) return typeAt(pack, offset, hops);
		}
		return looseType(objects, id);
	};
	/** Of a delta, the kind is that of what it builds on. */
	const typeAt = (pack: PackIndex, start: number, hops: number): GitObject["type"] | undefined => {
		const buffer = Buffer.alloc(headBytes);
		let offset = start;
		for (let hop = hops; hop < hopsMax; hop++) {
			readSync(fileOf(pack), buffer, 0, headBytes, offset);
			const code = ((buffer[0] as number) >> 4) & 7;
			let at = 0;
			while ((buffer[at++] as number) & 128 && at < 10);
			if (code === refDelta) return typeOf(buffer.toString("hex", at, at + pack.idBytes), hop + 1);
			if (code !== offsetDelta) return packedTypes[code];
			let distance = (buffer[at] as number) & 127;
			while ((buffer[at++] as number) & 128) distance = (distance + 1) * 128 + ((buffer[at] as number) & 127);
			offset -= distance;
		}
		return undefined;
	};
	return {
		typeOf: (id) => typeOf(id),
		[Symbol.dispose]() {
			for (const file of files.values()) closeSync(file);
		},
	};
}

const headBytes = 64;
const hopsMax = 100;
const offsetDelta = 6;
const refDelta = 7;
const packedTypes: Readonly<Record<number, GitObject["type"]>> = { 1: "commit", 2: "tree", 3: "blob" };

interface PackIndex {
	readonly packPath: string;
	readonly idBytes: number;
	/** Where in the pack the object begins. */
	find(id: string): number | undefined;
}

/** Kept from one lookup to the next, as long as the file is the same. */
const remembered = new Map<string, { readonly stamp: string; readonly index: PackIndex }>();
const rememberedMax = 16;
const indexBytesMax = 8 * 1024 * 1024;

function readPackIndex(path: string, idBytes: number): PackIndex | undefined {
	const { size, mtimeMs, ino } = statSync(path);
	if (size > indexBytesMax) return undefined;
	const stamp = `${size} ${mtimeMs} ${ino}`;
	const known = remembered.get(path);
	if (known?.stamp === stamp) return known.index;
	const content = readFileSync(path);
	if (content.length < tableAt + tableBytes || content.readUInt32BE(0) !== magic || content.readUInt32BE(4) !== 2) return undefined;
	const index = createPackIndex(path.replace(/idx$/, "pack"), content, idBytes);
	remembered.delete(path);
	remembered.set(path, { stamp, index });
	const [oldest] = remembered.keys();
	if (remembered.size > rememberedMax && oldest !== undefined) remembered.delete(oldest);
	return index;
}

const magic = 0xff744f63;
const tableAt = 8;
const tableBytes = 256 * 4;

/** A table of how many ids begin with at most each byte; then the ids in order, their checksums, their offsets. */
function createPackIndex(packPath: string, content: Buffer, idBytes: number): PackIndex {
	const upTo = (byte: number) => (byte < 0 ? 0 : content.readUInt32BE(tableAt + byte * 4));
	const count = upTo(255);
	const idsAt = tableAt + tableBytes;
	const offsetsAt = idsAt + count * (idBytes + 4);
	return {
		packPath,
		idBytes,
		find(id) {
			const wanted = Buffer.from(id, "hex");
			const first = wanted[0] as number;
			let [low, high] = [upTo(first - 1), upTo(first)];
			while (low < high) {
				const middle = (low + high) >>> 1;
				const at = idsAt + middle * idBytes;
				const order = content.compare(wanted, 0, idBytes, at, at + idBytes);
				if (order === 0) return offsetOf(content, offsetsAt, middle, count);
				if (order < 0) low = middle + 1;
				else high = middle;
			}
			return undefined;
		},
	};
}

/** With the highest bit set it is the place of a longer one in the table behind. */
function offsetOf(content: Buffer, offsetsAt: number, place: number, count: number): number {
	const offset = content.readUInt32BE(offsetsAt + place * 4);
	return offset < 2 ** 31 ? offset : Number(content.readBigUInt64BE(offsetsAt + count * 4 + (offset - 2 ** 31) * 8));
}

function looseType(objects: string, id: string): GitObject["type"] | undefined {
	let file: number;
	try {
		file = openSync(loosePath(objects, id), "r");
	} catch {
		return undefined;
	}
	try {
		const head = Buffer.alloc(headBytes);
		const read = readSync(file, head, 0, headBytes, 0);
		const text = inflateSync(head.subarray(0, read), { finishFlush: constants.Z_SYNC_FLUSH }).toString("latin1");
		return (["commit", "tree", "blob"] as const).find((type) => text.startsWith(`${type} `));
	} finally {
		closeSync(file);
	}
}
