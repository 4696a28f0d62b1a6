import type { Fleet } from "@covey/client";
import { expect, test, vi } from "vitest";
import { keepOpen, type LinkWatch } from "./keep-open.ts";

const fleet = () => ({ close: vi.fn() }) as unknown as Fleet;

test("one fleet serves all, until it is closed for good: then another one is opened", async () => {
	const [first, second] = [fleet(), fleet()];
	const ends: (() => void)[] = [];
	const open = vi.fn(async ({ onClosed }: LinkWatch) => (ends.push(onClosed) === 1 ? first : second));
	const kept = keepOpen(open);
	expect(await Promise.all([kept.open(), kept.open()])).toEqual([first, first]);
	expect(open).toHaveBeenCalledTimes(1);
	ends[0]?.();
	expect(await kept.open()).toBe(second);
	ends[0]?.();
	expect(await kept.open()).toBe(second);
	expect(open).toHaveBeenCalledTimes(2);
});

test("what could not be opened is tried again; once closed nothing is opened any more", async () => {
	const there = fleet();
	const kept = keepOpen(vi.fn().mockRejectedValueOnce(new Error("not yet")).mockResolvedValue(there));
	await expect(kept.open()).rejects.toThrow("not yet");
	expect(await kept.open()).toBe(there);
	await kept.close();
	expect(there.close).toHaveBeenCalledOnce();
	await expect(kept.open()).rejects.toThrow("stopping");
});

test("a link that is away for long is given up: what waits fails, and the coordinator is looked for anew", async () => {
	const [first, second] = [fleet(), fleet()];
	const links: LinkWatch["onLink"][] = [];
	const kept = keepOpen(async ({ onLink }) => (links.push(onLink) === 1 ? first : second), 20);
	expect(await kept.open()).toBe(first);
	links[0]?.("down");
	links[0]?.("up");
	await new Promise((resolve) => setTimeout(resolve, 60));
	expect(await kept.open(), "it came back").toBe(first);
	links[0]?.("down");
	expect(await kept.open(), "it may come back").toBe(first);
	await expect.poll(() => kept.open()).toBe(second);
	expect(first.close).toHaveBeenCalledOnce();
	expect(second.close).not.toHaveBeenCalled();
});
