import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { task } from "#journal/journal.suite.ts";
import { openSqliteJournal } from "./journal.ts";

it("works with its thread bundled into one plain JavaScript file", async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-bundle-"));
	try {
		const outfile = join(directory, "journal-writer.mjs");
		await build({
			entryPoints: [join(import.meta.dirname, "writer.ts")],
			outfile,
			bundle: true,
			platform: "node",
			format: "esm",
			logLevel: "silent",
		});
		await using journal = await openSqliteJournal({ file: join(directory, "journal.db"), workerUrl: pathToFileURL(outfile) });
		expect(await journal.append(0, [task("a", 1)])).toEqual({ kind: "stored", sequence: 1 });
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
});
