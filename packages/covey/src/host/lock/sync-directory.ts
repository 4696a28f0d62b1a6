import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes the names in a directory durable: after a file was created in it, renamed or removed. */
export function syncDirectory(directory: string): void {
	const descriptor = openSync(directory, "r");
	try {
		fsyncSync(descriptor);
	} finally {
		closeSync(descriptor);
	}
}
