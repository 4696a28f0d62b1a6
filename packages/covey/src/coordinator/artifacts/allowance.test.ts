import { expect, test } from "vitest";
import { artifactLimits } from "#coordinator/limits.ts";
import { Allowance } from "./allowance.ts";

const { attemptBytesMax, workerBytesMax, windowMs } = artifactLimits;

/** Content of so many bytes, which nobody has to hold. */
async function* content(bytes: number): AsyncIterable<Uint8Array> {
	yield { length: bytes } as Uint8Array;
}

/** Stores, or not. @returns what was said. */
async function store(allowance: Allowance, attempts: readonly string[], bytes: number, worker = "box"): Promise<string> {
	const upload = allowance.open(worker, attempts);
	try {
		await Array.fromAsync(upload.count(content(bytes)));
		return "stored";
	} catch (error) {
		upload.refund();
		return String(error);
	}
}

test("The artifacts of one attempt share one limit, whatever was refused between; another worker has its own", async () => {
	const allowance = new Allowance(() => 0);
	expect(await store(allowance, ["a"], attemptBytesMax - 10)).toBe("stored");
	expect(await store(allowance, ["a"], 11)).toContain(`${attemptBytesMax} bytes`);
	expect(await store(allowance, ["a"], 10)).toBe("stored");
	expect(await store(allowance, ["a"], 1)).toContain("box has stored");
	expect(await store(allowance, ["a"], 1, "other")).toBe("stored");
});

test("Uploads at the same time share what is left", async () => {
	const allowance = new Allowance(() => 0);
	const [left, right] = [allowance.open("box", ["a"]), allowance.open("box", ["a"])];
	await Array.fromAsync(left.count(content(attemptBytesMax)));
	await expect(Array.fromAsync(right.count(content(1)))).rejects.toMatchObject({ code: "too_large" });
});

test("Each further attempt brings its own room, up to the limit of a worker", async () => {
	const allowance = new Allowance(() => 0);
	for (let stored = 0, at = 0; stored < workerBytesMax; stored += attemptBytesMax, at++) {
		expect(await store(allowance, [`attempt ${at}`], attemptBytesMax)).toBe("stored");
	}
	expect(await store(allowance, ["one more"], 1)).toContain(`${workerBytesMax} bytes`);
});

test("After the window there is room again", async () => {
	let now = 0;
	const allowance = new Allowance(() => now);
	expect(await store(allowance, ["a"], attemptBytesMax)).toBe("stored");
	now = windowMs - 1;
	expect(await store(allowance, ["a"], 1)).toContain("may in");
	now = windowMs;
	expect(await store(allowance, ["a"], 1)).toBe("stored");
});
