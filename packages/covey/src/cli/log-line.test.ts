import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { logLine } from "./log-line.ts";

const at = { attempt: 2, stream: "stderr", offset: 7 } as const;
const bytesOf = (line: string): Buffer => {
	const { text, base64 } = JSON.parse(line);
	return text === undefined ? Buffer.from(base64, "base64") : Buffer.from(text);
};

test("a piece of output is one line that says where it belongs", () => {
	const line = logLine("t_1", { type: "output", ...at, data: Buffer.from("über\nall\u0007") });
	expect(line).not.toContain("\n");
	expect(JSON.parse(line)).toEqual({ schema: 1, type: "output", task: "t_1", ...at, text: "über\nall\u0007" });
	expect(JSON.parse(logLine("t_1", { type: "gap", ...at, bytes: 512 }))).toEqual({
		schema: 1,
		type: "gap",
		task: "t_1",
		...at,
		bytes: 512,
	});
});

test("every byte comes back, text or not", () => {
	const cut = Buffer.from("ü").subarray(0, 1);
	for (const data of [Buffer.from("plain"), Buffer.alloc(0), cut, Buffer.from([0xff, 0, 0x80]), Buffer.from("\ufffd"), randomBytes(4096)])
		expect(bytesOf(logLine("t_1", { type: "output", ...at, data }))).toEqual(data);
	expect(logLine("t_1", { type: "output", ...at, data: cut })).toContain("base64");
});
