import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeJournal } from "#journal/journal.suite.ts";
import { openSqliteJournal } from "./journal.ts";

describeJournal("sqlite", async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-journal-"));
	return {
		open: () => openSqliteJournal({ file: join(directory, "journal.db") }),
		cleanUp: () => rm(directory, { recursive: true, force: true }),
	};
});
