import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { all } from "#journal/journal.suite.ts";
import { openSqliteJournal } from "./journal.ts";

const disk = mountSmallDisk();

it.skipIf(disk === undefined)(
	"refuses appends on a full disk, keeps reading, and goes on when space returns (needs root to mount a tmpfs)",
	async () => {
		const { directory, unmount } = disk!;
		const file = join(directory, "journal.db");
		const ballast = join(directory, "ballast");
		try {
			writeFileSync(ballast, Buffer.alloc(1024 * 1024));
			const journal = await openSqliteJournal({ file });
			const changeOf = (sequence: number) => ({ kind: "task", id: `t${sequence}`, version: 1, value: "x".repeat(20_000) }) as const;
			let answer = await journal.append(0, [changeOf(1)]);
			while (answer.kind === "stored") answer = await journal.append(journal.tail, [changeOf(journal.tail + 1)]);
			expect(answer).toEqual({ kind: "full" });
			expect(await journal.append(journal.tail, [changeOf(journal.tail + 1)])).toEqual({ kind: "full" });
			const { tail } = journal;
			expect(tail).toBeGreaterThan(5);
			expect((await all(journal.read(0))).map((entry) => entry.changes)).toEqual(Array.from({ length: tail }, (_, n) => [changeOf(n + 1)]));
			await expect(
				journal.putSnapshot(
					tail,
					Array.from({ length: 20 }, (_, n) => changeOf(n)),
					new AbortController().signal,
				),
			).rejects.toMatchObject({
				code: "store_full",
			});
			await journal.close();

			// A restart on the full disk still reads everything.
			const restarted = await openSqliteJournal({ file });
			expect(await all(restarted.recover())).toHaveLength(tail);

			rmSync(ballast);
			expect(await restarted.append(tail, [changeOf(tail + 1)])).toEqual({ kind: "stored", sequence: tail + 1 });
			await restarted.close();
			const last = await openSqliteJournal({ file });
			expect(await all(last.recover())).toHaveLength(tail + 1);
			await last.close();
		} finally {
			unmount();
		}
	},
);

/** A disk of 3 MiB. Undefined where this process may not mount one. */
function mountSmallDisk(): { directory: string; unmount: () => void } | undefined {
	const directory = mkdtempSync(join(tmpdir(), "covey-full-"));
	try {
		execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", directory], { stdio: "ignore" });
	} catch {
		rmSync(directory, { recursive: true });
		return undefined;
	}
	return {
		directory,
		unmount() {
			execFileSync("umount", [directory]);
			rmSync(directory, { recursive: true });
		},
	};
}
