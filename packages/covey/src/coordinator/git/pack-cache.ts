import type { Pack } from "#host/git/pack.ts";

/**
 * Packs as clients uploaded them. A worker that has what the client packed against gets the very same bytes, and no
 * process is started. Bounded in bytes; the oldest goes first.
 */
export interface PackCache {
	/** Passes `content` on and keeps a copy; `keep` is called by the owner when the pack turned out to be good. */
	tee(content: AsyncIterable<Uint8Array>): {
		readonly content: AsyncIterable<Uint8Array>;
		keep(name: string, bases: readonly string[]): void;
	};
	/** The pack kept under this name, if the reader has all that it builds on. */
	find(name: string, haves: readonly string[]): Pack | undefined;
}

export function createPackCache(bytesMax: number): PackCache {
	const packs = new Map<string, { readonly bases: readonly string[]; readonly chunks: readonly Uint8Array[]; readonly bytes: number }>();
	/** One pack may take a quarter, so that a large one does not push out all others. */
	const packBytesMax = bytesMax / 4;
	let held = 0;
	const drop = (name: string) => {
		held -= packs.get(name)?.bytes ?? 0;
		packs.delete(name);
	};
	return {
		tee(content) {
			let chunks: Uint8Array[] | undefined = [];
			let bytes = 0;
			async function* copied() {
				for await (const chunk of content) {
					bytes += chunk.length;
					if (bytes > packBytesMax) chunks = undefined;
					chunks?.push(chunk);
					yield chunk;
				}
			}
			return {
				content: copied(),
				keep(name, bases) {
					if (!chunks) return;
					drop(name);
					packs.set(name, { bases, chunks, bytes });
					held += bytes;
					for (const oldest of packs.keys()) {
						if (held <= bytesMax) break;
						drop(oldest);
					}
				},
			};
		},
		find(name, haves) {
			const pack = packs.get(name);
			if (!pack?.bases.every((base) => haves.includes(base))) return undefined;
			return { bases: pack.bases, content: iterate(pack.chunks) };
		},
	};
}

async function* iterate(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
	yield* chunks;
}
