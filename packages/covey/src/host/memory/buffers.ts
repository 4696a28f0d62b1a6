import { getHeapStatistics, setFlagsFromString } from "node:v8";

/** What may come in between two full collections, buffers included. */
const growthBytes = 64 * 1024 * 1024;
/** Of a larger heap V8 decides by itself, which is more than that. */
const smallHeapBytes = 128 * 1024 * 1024;
const lookMs = 10_000;
/** Of Node 24. Another V8 may do without, or not know the flags, and would say so on stderr. */
const knownVersion = /^13\./;

/**
 * For a process that passes many bytes on: lets V8 free their buffers in its cheap collections of what is young.
 *
 * Buffers lie outside of V8's heap. As V8 13.6 (Node 24) is set up, it looks for dead ones among the young only every
 * 128 MB, but starts a full collection when 64 MB came in since the last, and for a small heap already at 12 MB. So bytes
 * that are gone in a moment cost several full collections per 100 MB: most of the processor time of a coordinator that
 * passes output on. Two flags mend that; V8 reads both whenever they matter, so they may be set at any time:
 *
 * - `scavenger-max-new-space-capacity-mb`: 8, as it was before V8 13.6, makes it every 32 MB
 *   (https://github.com/nodejs/node/issues/61967);
 * - `heap-growing-percent`: how much a heap may grow before the next full collection.
 *
 * V8 takes code that was compiled under other flags for another program's. So call it when the program's modules are
 * loaded; and what is undone by disposing, or by the exit of the process, is undone before code caches are written there.
 */
export function collectBuffersCheaply(): Disposable {
	if (!knownVersion.test(process.versions.v8)) return { [Symbol.dispose]() {} };
	setFlagsFromString("--scavenger-max-new-space-capacity-mb=8");
	const allowGrowth = (): void => {
		const { used_heap_size: used } = getHeapStatistics();
		const percent = used > smallHeapBytes ? 0 : Math.ceil((growthBytes / used) * 100);
		setFlagsFromString(`--heap-growing-percent=${percent}`);
	};
	allowGrowth();
	const timer = setInterval(allowGrowth, lookMs).unref();
	const undo = (): void => {
		process.off("exit", undo);
		clearInterval(timer);
		// As they are by default.
		setFlagsFromString("--scavenger-max-new-space-capacity-mb=32");
		setFlagsFromString("--heap-growing-percent=0");
	};
	process.prependListener("exit", undo);
	return { [Symbol.dispose]: undo };
}
