import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { cachedDataVersionTag } from "node:v8";
import { expect, test } from "vitest";
import { collectBuffersCheaply } from "./buffers.ts";

const module = fileURLToPath(new URL("./buffers.ts", import.meta.url));

/** Full collections of a process with a small heap, after one that was asked for, while 512 MB pass through it. */
function fullCollections(prepare: string): number {
	const script = `
		import { PerformanceObserver } from "node:perf_hooks";
		import { setImmediate } from "node:timers/promises";
		import { setFlagsFromString } from "node:v8";
		import { runInNewContext } from "node:vm";
		const { collectBuffersCheaply } = await import(${JSON.stringify(module)});
		setFlagsFromString("--expose-gc");
		${prepare}
		runInNewContext("gc")();
		let full = 0;
		await setImmediate();
		new PerformanceObserver((list) => {
			for (const { detail } of list.getEntries()) if (detail.kind === 4) full++;
		}).observe({ entryTypes: ["gc"] });
		const held = [];
		for (let piece = 0; piece < 8192; piece++) {
			held[piece % 32] = Buffer.allocUnsafeSlow(64 * 1024);
			await setImmediate();
		}
		console.log(full);
	`;
	const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
	if (!/^\d+\n$/.test(stdout)) throw new Error(stderr);
	return Number(stdout);
}

test("bytes that pass through a process cost it few full collections", () => {
	const asItWas = fullCollections("");
	const cheaply = fullCollections("collectBuffersCheaply();");
	expect(cheaply).toBeLessThan(asItWas / 2);
});

test("what it was is restored, so that compiled code stays valid", () => {
	const before = cachedDataVersionTag();
	const collecting = collectBuffersCheaply();
	expect(cachedDataVersionTag()).not.toBe(before);
	collecting[Symbol.dispose]();
	expect(cachedDataVersionTag()).toBe(before);
});
