import { createHash } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import { type GitObject, gitObject } from "./object.ts";

/** Packs that are made and read without a process (gitformat-pack(5), version 2): a few objects, each one whole. */
export const smallPackLimits = {
	objects: 256,
	/** Of the pack. */
	bytes: 512 * 1024,
	/** Of all objects together, unpacked. */
	contentBytes: 4 * 1024 * 1024,
} as const;

/** @returns undefined when that is no small pack. */
export function encodePack(objects: readonly GitObject[], idLength: number): Buffer | undefined {
	const contentBytes = objects.reduce((sum, { content }) => sum + content.length, 0);
	if (objects.length > smallPackLimits.objects || contentBytes > smallPackLimits.contentBytes) return undefined;
	const header = Buffer.from("PACK\0\0\0\x02\0\0\0\0", "latin1");
	header.writeUInt32BE(objects.length, 8);
	const parts = [header, ...objects.flatMap(({ type, content }) => [encodeHeader(type, content.length), deflateSync(content)])];
	const pack = Buffer.concat([...parts, trailerOf(parts, idLength)]);
	return pack.length <= smallPackLimits.bytes ? pack : undefined;
}

/**
 * The objects of a pack, each named by what it holds.
 * @returns undefined for whatever is not a small pack of whole objects, sound or not: git reads it then, and judges.
 */
export function decodePack(pack: Buffer, idLength: number): readonly GitObject[] | undefined {
	const end = pack.length - idLength / 2;
	if (pack.length > smallPackLimits.bytes || end < headerBytes || pack.toString("latin1", 0, 8) !== "PACK\0\0\0\x02") return undefined;
	const count = pack.readUInt32BE(8);
	if (count > smallPackLimits.objects || !trailerOf([pack.subarray(0, end)], idLength).equals(pack.subarray(end))) return undefined;
	const objects: GitObject[] = [];
	let at = headerBytes;
	let left: number = smallPackLimits.contentBytes;
	try {
		for (let i = 0; i < count; i++) {
			const head = decodeHeader(pack, at);
			if (!head || head.size > left) return undefined;
			const { buffer, engine } = inflate(pack.subarray(head.end, end), head.size);
			if (buffer.length !== head.size) return undefined;
			objects.push(gitObject(head.type, buffer, idLength));
			at = head.end + engine.bytesWritten;
			left -= head.size;
		}
	} catch {
		return undefined;
	}
	return at === end ? objects : undefined;
}

const headerBytes = 12;
const types = { commit: 1, tree: 2, blob: 3 } as const;

/** Four bits of the size in the first byte, seven in each that follows, lowest first. */
function encodeHeader(type: GitObject["type"], size: number): Buffer {
	const bytes: number[] = [];
	let byte = (types[type] << 4) | (size & 15);
	for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
		bytes.push(byte | 128);
		byte = rest & 127;
	}
	return Buffer.from([...bytes, byte]);
}

function decodeHeader(
	pack: Buffer,
	at: number,
): { readonly type: GitObject["type"]; readonly size: number; readonly end: number } | undefined {
	let byte = pack[at++] ?? 0;
	const code = (byte >> 4) & 7;
	const type = (["commit", "tree", "blob"] as const).find((name) => types[name] === code);
	let size = byte & 15;
	for (let scale = 16; byte & 128; scale *= 128) {
		byte = pack[at++] ?? 0;
		size += (byte & 127) * scale;
	}
	return type && { type, size, end: at };
}

/** The size is known: whatever would be more is not unpacked. `engine.bytesWritten` tells how much of the input it took. */
function inflate(input: Buffer, size: number): { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } } {
	return inflateSync(input, { info: true, maxOutputLength: Math.max(1, size) }) as never;
}

function trailerOf(parts: readonly Buffer[], idLength: number): Buffer {
	const hash = createHash(idLength === 64 ? "sha256" : "sha1");
	for (const part of parts) hash.update(part);
	return hash.digest();
}
