import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Blobs } from "#ports/blobs.ts";

/** An empty store of its own for each test. */
export interface BlobsPlace {
	readonly blobs: Blobs;
	/** Opens the same store again, as after a restart. */
	reopen(): Promise<Blobs>;
	/** Lets time pass, as the store sees it. */
	advance(ms: number): void;
	/** Bytes of everything stored, drafts included, seen from outside. */
	bytesUsed(): Promise<number>;
	/** Changes one stored byte of a blob. */
	damage(digest: string): Promise<void>;
	cleanUp(): Promise<void>;
}

/** What every adapter of blobs must do. */
export function describeBlobs(name: string, createPlace: () => Promise<BlobsPlace>): void {
	describe(`${name} blobs`, () => {
		let place: BlobsPlace;
		let blobs: Blobs;
		beforeEach(async () => {
			place = await createPlace();
			blobs = place.blobs;
		});
		afterEach(() => place.cleanUp());
		const generous = { bytesMax: 1e9, signal: new AbortController().signal };
		const put = (bytes: Buffer) => blobs.put(digestOf(bytes), chunks(bytes), generous);

		it("gives back what was put, also after it is opened again", async () => {
			const bytes = Buffer.alloc(1_000_000, "feather");
			expect(await put(bytes)).toEqual({ bytes: bytes.length, created: true });
			blobs = await place.reopen();
			expect(await blobs.has(digestOf(bytes))).toBe(true);
			const found = await blobs.get(digestOf(bytes));
			expect(found?.bytes).toBe(bytes.length);
			expect(await read(found!.content)).toEqual(bytes);
		});

		it("holds empty content", async () => {
			expect(await put(Buffer.alloc(0))).toEqual({ bytes: 0, created: true });
			expect(await read((await blobs.get(digestOf(Buffer.alloc(0))))!.content)).toEqual(Buffer.alloc(0));
		});

		it("does not know what was never put", async () => {
			const digest = digestOf(Buffer.from("nowhere"));
			expect(await blobs.has(digest)).toBe(false);
			expect(await blobs.get(digest)).toBeUndefined();
		});

		it("stores equal content once, also when it is put by many at once", async () => {
			const bytes = Buffer.alloc(200_000, "egg");
			const answers = await Promise.all(Array.from({ length: 8 }, () => put(bytes)));
			expect(answers.every((answer) => answer.bytes === bytes.length)).toBe(true);
			expect(await put(bytes)).toEqual({ bytes: bytes.length, created: false });
			expect(await place.bytesUsed()).toBe(bytes.length);
		});

		it("refuses content of another digest, and keeps nothing of it", async () => {
			const digest = digestOf(Buffer.from("promised"));
			await expect(blobs.put(digest, chunks(Buffer.from("delivered")), generous)).rejects.toMatchObject({ code: "bad_request" });
			expect(await blobs.has(digest)).toBe(false);
			expect(await place.bytesUsed()).toBe(0);
		});

		it("proves content again even when it is there already", async () => {
			const bytes = Buffer.from("there");
			await put(bytes);
			await expect(blobs.put(digestOf(bytes), chunks(Buffer.from("fake")), generous)).rejects.toMatchObject({ code: "bad_request" });
			expect(await read((await blobs.get(digestOf(bytes)))!.content)).toEqual(bytes);
		});

		it("refuses content over the limit, and keeps nothing of it", async () => {
			const bytes = Buffer.alloc(100_000, "x");
			const limit = { ...generous, bytesMax: bytes.length - 1 };
			await expect(blobs.put(digestOf(bytes), chunks(bytes), limit)).rejects.toMatchObject({ code: "too_large" });
			expect(await place.bytesUsed()).toBe(0);
			expect(await blobs.put(digestOf(bytes), chunks(bytes), { ...generous, bytesMax: bytes.length })).toMatchObject({ created: true });
		});

		it("keeps nothing of a put that is aborted or whose content fails", async () => {
			const bytes = Buffer.alloc(100_000, "y");
			const abort = new AbortController();
			async function* aborting() {
				yield bytes.subarray(0, 50_000);
				abort.abort(new Error("no longer wanted"));
				yield bytes.subarray(50_000);
			}
			await expect(blobs.put(digestOf(bytes), aborting(), { ...generous, signal: abort.signal })).rejects.toThrow("no longer wanted");
			async function* failing() {
				yield bytes.subarray(0, 50_000);
				throw new Error("the connection broke");
			}
			await expect(blobs.put(digestOf(bytes), failing(), generous)).rejects.toThrow("the connection broke");
			expect(await place.bytesUsed()).toBe(0);
		});

		it("refuses names that are not digests", async () => {
			for (const name of ["", "../../etc/passwd", "A".repeat(64), "0".repeat(63)])
				await expect(blobs.get(name), name).rejects.toMatchObject({ code: "bad_request" });
		});

		it("ends the stream of damaged content with an error, and takes it anew afterwards", async () => {
			const bytes = Buffer.alloc(600_000, "shell");
			const digest = digestOf(bytes);
			await put(bytes);
			await place.damage(digest);
			await expect(read((await blobs.get(digest))!.content)).rejects.toMatchObject({ code: "internal" });
			expect(await blobs.get(digest)).toBeUndefined();
			expect(await put(bytes)).toMatchObject({ created: true });
			expect(await read((await blobs.get(digest))!.content)).toEqual(bytes);
		});

		it("drops the least recently used beyond the limit, and nothing young", async () => {
			const [first, second, third] = ["1", "2", "3"].map((text) => Buffer.alloc(1000, text)) as [Buffer, Buffer, Buffer];
			for (const bytes of [first, second, third]) {
				await put(bytes);
				place.advance(100_000);
			}
			await blobs.get(digestOf(first)).then((found) => read(found!.content));
			place.advance(100_000);
			expect(await blobs.trim({ bytesMax: 1000, minAgeMs: 1e9 })).toEqual({ removed: 0, bytes: 3000 });
			expect(await blobs.trim({ bytesMax: 2999, minAgeMs: 0 })).toEqual({ removed: 1, bytes: 2000 });
			expect(await Promise.all([first, second, third].map((bytes) => blobs.has(digestOf(bytes))))).toEqual([true, false, true]);
			expect(await blobs.trim({ bytesMax: 0, minAgeMs: 150_000 })).toEqual({ removed: 1, bytes: 1000 });
			expect(await blobs.has(digestOf(first))).toBe(true);
		});

		it("goes on reading what is dropped meanwhile, and says so when it was dropped before", async () => {
			const bytes = Buffer.alloc(2_000_000, "long");
			await put(bytes);
			const [begun, late] = [(await blobs.get(digestOf(bytes)))!, (await blobs.get(digestOf(bytes)))!];
			const reading = begun.content[Symbol.asyncIterator]();
			const pieces = [(await reading.next()).value as Uint8Array];
			place.advance(1000);
			expect(await blobs.trim({ bytesMax: 0, minAgeMs: 0 })).toEqual({ removed: 1, bytes: 0 });
			for (let next = await reading.next(); !next.done; next = await reading.next()) pieces.push(next.value);
			expect(Buffer.concat(pieces)).toEqual(bytes);
			await expect(read(late.content)).rejects.toMatchObject({ code: "not_found" });
		});
	});
}

function digestOf(bytes: Uint8Array): string {
	return createHash("sha256").update(bytes).digest("hex");
}

async function* chunks(bytes: Buffer): AsyncIterable<Uint8Array> {
	for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
}

async function read(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
	return Buffer.concat(await Array.fromAsync(content));
}
