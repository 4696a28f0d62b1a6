import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { ids, stateAt } from "./appender.fixture.ts";
import { openSqliteJournal } from "./journal.ts";

const rounds = 24;

it(`has every acknowledged append after kill -9, ${rounds} times over the same file`, async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-kill-"));
	const file = join(directory, "journal.db");
	try {
		let acknowledged = 0;
		for (let round = 0; round < rounds; round++) {
			acknowledged = Math.max(acknowledged, await appendUntilKilled(file, Math.floor(Math.random() * 60)));

			await using journal = await openSqliteJournal({ file });
			expect(journal.tail).toBeGreaterThanOrEqual(acknowledged);
			expect(journal.tail).toBeLessThanOrEqual(acknowledged + 1);
			acknowledged = journal.tail;

			const state = new Map<string, unknown>();
			for await (const entry of journal.recover()) for (const change of entry.changes) state.set(change.id, change);
			expect(state.size).toBe(Math.min(ids, journal.tail));
			for (const change of stateAt(journal.tail)) expect(state.get(change.id)).toEqual(change);
		}
		expect(acknowledged).toBeGreaterThan(rounds);
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
});

/** @returns the last sequence that the child said was stored; 0 for none. */
async function appendUntilKilled(file: string, acknowledgements: number): Promise<number> {
	const child = spawn(process.execPath, [join(import.meta.dirname, "appender.fixture.ts"), file], { stdio: ["ignore", "pipe", "inherit"] });
	const exited = once(child, "exit");
	let last = 0;
	let seen = 0;
	for await (const line of createInterface({ input: child.stdout })) {
		if (line !== "ready") last = Number(line);
		if (seen++ === acknowledgements) child.kill("SIGKILL");
	}
	const [, signal] = await exited;
	expect(signal).toBe("SIGKILL");
	return last;
}
