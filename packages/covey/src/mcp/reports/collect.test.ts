import { expect, test } from "vitest";
import { Block, Collector, cut } from "./collect.ts";
import { reportLimits } from "./report.ts";

test("the pieces of a failure join under its key; what was said first stands, and the last name is the fullest", () => {
	const found = new Collector();
	found.failed("a", { test: "short" });
	found.failed("a", { test: "short", file: "x.rs", line: 3, message: "no" });
	found.failed("a", { test: "full::short", message: "later" });
	expect(found.report().failures).toEqual([{ test: "full::short", file: "x.rs", line: 3, message: "no" }]);
});

test("places do not mix: a line belongs to the file it was told with", () => {
	const found = new Collector();
	found.failed("a", { test: "a", file: "x.rs" });
	found.failed("a", { test: "a", file: "y.rs", line: 3 });
	expect(found.report().failures).toEqual([{ test: "a", file: "x.rs", message: "" }]);
});

test("a diagnostic that is told twice counts once", () => {
	const found = new Collector();
	const warning = { level: "warning", file: "x.rs", line: 1, message: "unused" } as const;
	found.diagnose(warning);
	found.diagnose(warning);
	found.diagnose({ ...warning, line: 2 });
	expect(found.report().warnings).toBe(2);
});

test("what does not fit is counted by code, and by level when there is no code", () => {
	const found = new Collector();
	for (let line = 0; line < reportLimits.diagnosticsMax; line += 1) found.diagnose({ level: "error", line, message: "no" });
	found.diagnose({ level: "error", code: "E1", message: "no" });
	found.diagnose({ level: "error", code: "E1", message: "nor this" });
	found.diagnose({ level: "warning", message: "nor that" });
	expect(found.report().leftOut.diagnostics).toEqual({ E1: 2, warning: 1 });
});

test("paths below the root become relative, also those found before the root was known", () => {
	const found = new Collector();
	found.diagnose({ level: "error", file: "/srv/dev/shop/a.ts", message: "no" });
	found.diagnose({ level: "error", file: "file:///srv/dev/shop/b.ts", message: "no" });
	found.diagnose({ level: "error", file: "/srv/dev/shopping/c.ts", message: "no" });
	found.diagnose({ level: "error", file: "./d.ts", message: "no" });
	found.ranIn("/srv/dev/shop");
	expect(found.report().diagnostics.map(({ file }) => file)).toEqual(["a.ts", "b.ts", "/srv/dev/shopping/c.ts", "d.ts"]);
});

test("of several directories what they share is the root, unless the root is known", () => {
	const files = ["/srv/dev/shop/packages/web/a.ts", "/srv/dev/shop/packages/webshop/b.ts"];
	const placed = (options?: { readonly root: string }) => {
		const found = new Collector(options);
		found.ranIn("/srv/dev/shop/packages/web");
		found.ranIn("/srv/dev/shop/packages/webshop");
		for (const file of files) found.diagnose({ level: "error", file, message: "no" });
		return found.report().diagnostics.map(({ file }) => file);
	};
	expect(placed()).toEqual(["web/a.ts", "webshop/b.ts"]);
	expect(placed({ root: "/srv/dev/shop" })).toEqual(["packages/web/a.ts", "packages/webshop/b.ts"]);
});

test("a message is its lines without blank edges and common indent", () => {
	const block = new Block();
	for (const line of ["", "    left: 1", "      more", "", "    right: 2  ", ""]) block.add(line);
	expect(block.text).toBe("left: 1\n  more\n\nright: 2");
});

test("a long message is cut, and says so", () => {
	const block = new Block();
	for (let nth = 0; nth < 10_000; nth += 1) block.add(`line ${nth}`);
	expect(block.text).toHaveLength(reportLimits.messageCharsMax);
	expect(block.text).toMatch(/ … cut$/);
	expect(cut("short")).toBe("short");
});
