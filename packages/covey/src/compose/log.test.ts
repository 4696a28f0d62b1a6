import { expect, test } from "vitest";
import { createProcessLog } from "./log.ts";

function linesOf(format: "auto" | "json" | "pretty", level: "info" | "error" = "info"): readonly string[] {
	const lines: string[] = [];
	const { logger, announce } = createProcessLog({ level, format }, (line) => lines.push(line));
	announce("ready at http://127.0.0.1:8000", { url: "http://127.0.0.1:8000" });
	logger.warn("listens beyond loopback", { address: "0.0.0.0" });
	return lines;
}

test("off a terminal too, a process talks text, in every line", () => {
	expect(linesOf("auto")).toEqual([
		"covey: ready at http://127.0.0.1:8000\n",
		expect.stringMatching(/^[\d:.]+ warn {2}listens beyond loopback address=0\.0\.0\.0\n$/),
	]);
});

test("told to, it writes one JSON object a line and nothing else", () => {
	expect(linesOf("json").map((line) => JSON.parse(line))).toMatchObject([
		{ level: "info", message: "ready at http://127.0.0.1:8000", url: "http://127.0.0.1:8000" },
		{ level: "warn", message: "listens beyond loopback", address: "0.0.0.0" },
	]);
});

test("what its starter waits for is said whatever the level", () => {
	for (const format of ["pretty", "json"] as const) {
		const lines = linesOf(format, "error");
		expect(lines).toHaveLength(1);
		expect(lines[0]).toContain("ready at");
	}
});
