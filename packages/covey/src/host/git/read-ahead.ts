export interface ReadAhead {
	/** At least so many bytes, unless there are no more. */
	readonly head: Buffer;
	/** Is `head` all there is? False: that is not known yet. */
	readonly ended: boolean;
	/** Everything from the beginning. */
	readonly rest: AsyncIterable<Uint8Array>;
}

/** Looks at the first bytes of a stream without taking them from whoever reads it then. */
export async function readAhead(content: AsyncIterable<Uint8Array>, bytes: number): Promise<ReadAhead> {
	const iterator = content[Symbol.asyncIterator]();
	const chunks: Uint8Array[] = [];
	let length = 0;
	let ended = false;
	while (length < bytes && !ended) {
		const next = await iterator.next();
		if (next.done) ended = true;
		else {
			chunks.push(next.value);
			length += next.value.length;
		}
	}
	const head = Buffer.concat(chunks, length);
	async function* rest() {
		try {
			if (length > 0) yield head;
			for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
		} finally {
			await iterator.return?.();
		}
	}
	return { head, ended, rest: rest() };
}
