import { expect, test } from "vitest";
import { findControlGroups } from "./control-group.ts";
import { probeIsolation } from "./isolation.ts";

test("the level that a machine can give is found by trying, and says by what", async () => {
	const groups = findControlGroups();
	const isolation = await probeIsolation(groups);
	expect(isolation.level).toBeGreaterThanOrEqual(process.platform === "linux" ? 1 : 0);
	expect(isolation.means.includes("bubblewrap")).toBe(isolation.level === 2);
	expect(isolation.means.includes("control group")).toBe(groups !== undefined);
});
