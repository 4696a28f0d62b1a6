import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** A real pipe: `writer` is for the child, and to be closed here once the child has it. */
export interface Pipe {
	readonly reader: Readable;
	readonly writer: number;
}

/**
 * Node connects a child by socket pairs, and a socket cannot be opened by name: `tee /dev/stderr` and `echo > /dev/stdout`
 * then fail with ENXIO. Node has no call for a pipe, but a FIFO is one once its name is gone. A few are made ahead at a time.
 * @returns undefined where that does not work (no `mkfifo`, no `/proc`); the caller then uses Node's sockets.
 */
export async function takePipe(): Promise<Pipe | undefined> {
	if (process.platform !== "linux") return undefined;
	// Others may have taken all of a refill that we waited for.
	for (let tries = 0; spare.length === 0 && tries < triesMax; tries++) await (refilling ??= refill());
	const held = spare.pop();
	if (held === undefined) return undefined;
	const path = `/proc/self/fd/${held}`;
	try {
		const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
		const writer = openSync(path, constants.O_WRONLY);
		return { reader: new Socket(readOnDemand(reader)), writer };
	} finally {
		closeSync(held);
	}
}

/** It reads when its reader asks for more, and not ahead: what is not read yet lies in the pipe, where it gathers. */
const readOnDemand = (fd: number) => ({ fd, readable: true, writable: false, highWaterMark: 1 });

/** Descriptors that hold a nameless FIFO open for both reading and writing. Shared by all attempts of this process. */
const spare: number[] = [];
const batch = 32;
const triesMax = 16;
let refilling: Promise<void> | undefined;

async function refill(): Promise<void> {
	const directory = mkdtempSync(join(tmpdir(), "covey-pipes-"));
	try {
		const paths = Array.from({ length: batch }, (_, index) => join(directory, String(index)));
		await once(spawn("mkfifo", ["-m", "600", ...paths], { stdio: "ignore" }), "close");
		for (const path of paths) spare.push(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
	} catch {
		// No mkfifo, or no descriptors left: the caller has another way.
	} finally {
		rmSync(directory, { recursive: true, force: true });
		refilling = undefined;
	}
}
