import type { Fleet } from "@covey/client";
import type { TaskView } from "@covey/protocol";
import { expect, test } from "vitest";
import { type LogWishes, readLog } from "./read-log.ts";

type Piece = { readonly stream: "stdout" | "stderr"; readonly text: string };

/** A fleet that has this log, cut into pieces as it came. */
function logged(pieces: readonly Piece[]) {
	const bytes = pieces.map(({ stream, text }) => ({ stream, data: new TextEncoder().encode(text) }));
	const size = bytes.reduce((sum, { data }) => sum + data.length, 0);
	const fleet = {
		async *output(_task: string, { offset }: { offset: number }) {
			let at = 0;
			for (const { stream, data } of bytes) {
				const skip = Math.min(data.length, Math.max(0, offset - at));
				if (skip < data.length) yield { type: "output", attempt: 1, stream, offset: at + skip, data: data.subarray(skip) };
				at += data.length;
			}
		},
	} as unknown as Fleet;
	const task = {
		id: "t_1",
		status: "done",
		submission: { payload: {} },
		attempts: [{ number: 1, report: { outputBytes: size } }],
	} as unknown as TaskView;
	return async (wishes: LogWishes) =>
		(await readLog(fleet, task, wishes)).structuredContent as { output: string; next_offset?: number; summary: string };
}

/** All pages, one behind the other. */
async function paged(read: ReturnType<typeof logged>, limit: number): Promise<string[]> {
	const lines: string[] = [];
	for (let offset: number | undefined = 0; offset !== undefined; ) {
		const page: { output: string; next_offset?: number } = await read({ offset, limit });
		if (page.output !== "") lines.push(...page.output.split("\n"));
		offset = page.next_offset;
	}
	return lines;
}

test("page by page nothing is left out and nothing comes twice, wherever the pieces were cut", async () => {
	const wanted = Array.from({ length: 5000 }, (_, at) => `line ${at} höhe`);
	const text = `${wanted.join("\n")}\n`;
	const pieces = Array.from(
		{ length: Math.ceil(text.length / 65_536) },
		(_, at): Piece => ({ stream: "stdout", text: text.slice(at * 65_536, (at + 1) * 65_536) }),
	);
	for (const limit of [200, 8000, 20_000]) expect(await paged(logged(pieces), limit)).toEqual(wanted);
});

test("of two streams no line is left out, also when a page ends in the middle of one's line", async () => {
	const pieces: Piece[] = Array.from({ length: 300 }, (_, at) => [
		{ stream: "stderr" as const, text: `error ${at} begins ` },
		{ stream: "stdout" as const, text: `out ${at}\n` },
		{ stream: "stderr" as const, text: "and ends\n" },
	]).flat();
	const lines = await paged(logged(pieces), 250);
	for (let at = 0; at < 300; at++) {
		expect(lines).toContain(`out ${at}`);
		expect(lines).toContain(`error ${at} begins and ends`);
	}
});

test("the end, a text that is looked for, and a place beyond the end", async () => {
	const read = logged([{ stream: "stdout", text: Array.from({ length: 1000 }, (_, at) => `line ${at}`).join("\n") }]);
	expect((await read({ tail: 2 })).output).toBe("line 998\nline 999");
	expect((await read({ grep: "LINE 77" })).output.split("\n")).toHaveLength(11);
	expect((await read({ offset: 999_999 })).summary).toContain("offset 999999 lies beyond its end at");
	expect(await read({})).not.toHaveProperty("next_offset", 0);
});
