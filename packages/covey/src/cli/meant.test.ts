import { expect, test } from "vitest";
import { meantBy } from "./meant.ts";

const worker = (name: string, tags: Record<string, string> = {}) => ({ name, offer: { tags } as never });
const workers = [worker("mini", { gpu: "yes", os: "debian" }), worker("big-1", { gpu: "no" }), { name: "gone" }];

test("a slip in a machine's name, a tag's key or its value finds what is there", () => {
	expect(meantBy({ machine: "mni" }, workers)).toEqual(["mini"]);
	expect(meantBy({ tags: { gp: "yes" } }, workers)).toEqual(["gpu=yes"]);
	expect(meantBy({ tags: { os: "debina" } }, workers)).toEqual(["os=debian"]);
	expect(meantBy({ machine: "big1", tags: { gup: "no" } }, workers)).toEqual(["big-1", "gpu=no"]);
});

test("what is there, or is like nothing that is there, gets no suggestion", () => {
	expect(meantBy({ machine: "mini", tags: { gpu: "yes" } }, workers)).toEqual([]);
	expect(meantBy({ machine: "cores", tags: { arch: "arm64", os: "windows" } }, workers)).toEqual([]);
	expect(meantBy({}, workers)).toEqual([]);
});
