/**
 * What survives a simulated crash: the durable part, apart from the journal handle that is lost with its process.
 * Everything is held as JSON text, so nothing in it shares memory with live records.
 */
export interface MemoryDisk {
	/** The entry that the log starts after; 0 until something is truncated. */
	base: number;
	entries: StoredEntry[];
	snapshot: StoredSnapshot | undefined;
	/** Appends ever tried on this disk, refused ones included: what faults are numbered by. */
	appends: number;
}

export interface StoredEntry {
	readonly sequence: number;
	readonly payload: string;
	/** Length of the payload as it was meant; a torn write kept less. */
	readonly length: number;
}

export interface StoredSnapshot {
	readonly sequence: number;
	readonly chunks: readonly string[];
}

export function createMemoryDisk(): MemoryDisk {
	return { base: 0, entries: [], snapshot: undefined, appends: 0 };
}

export function diskTail(disk: MemoryDisk): number {
	return disk.entries.at(-1)?.sequence ?? disk.base;
}
