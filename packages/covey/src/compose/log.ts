import { writeSync } from "node:fs";
import { createLogger, type Logger } from "#kit/logger.ts";
import type { Settings } from "./settings.ts";

/** The logger of a long-running process: JSON or text on stderr, systemd's form under systemd. */
export function createProcessLogger({ level, format }: Settings["log"]): Logger {
	const automatic = process.env.JOURNAL_STREAM ? "journal" : process.stderr.isTTY ? "pretty" : "json";
	return createLogger({ level, format: format === "auto" ? automatic : format, write: (line) => void writeSync(2, line), now: Date.now });
}
