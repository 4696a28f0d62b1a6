import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { startProcess } from "./start.ts";

test("a command that passes gives its output and exit code 0", async () => {
	const chunks: Buffer[] = [];
	const p = await startProcess({
		command: ["sh", "-c", "echo hi; echo err >&2; exit 3"],
		cwd: tmpdir(),
		environment: { PATH: process.env.PATH ?? "" },
		graceMs: 100,
		sink: (_s, d) => void chunks.push(d),
	});
	const r = await p.result;
	expect(r).toMatchObject({ facts: { exitCode: 3, leftovers: 0 }, survivors: [] });
	expect(Buffer.concat(chunks).toString()).toContain("hi");
});
