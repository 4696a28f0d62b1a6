import { writeSync } from "node:fs";
import { createLogger, type LogFields, type Logger } from "#kit/logger.ts";
import type { Settings } from "./settings.ts";

/** What a long-running process tells on stderr: every line in the same form, text for people unless `log.format` is `json`. */
export interface ProcessLog {
	readonly logger: Logger;
	/** What whoever started the process waits for, whatever the level; the fields are for programs and are shown in JSON alone. */
	announce(text: string, fields?: LogFields): void;
}

/** Text on a terminal and off it, systemd's form under systemd, or one JSON object a line. */
export function createProcessLog(
	{ level, format }: Settings["log"],
	write: (line: string) => void = (line) => void writeSync(2, line),
): ProcessLog {
	const automatic = process.env.JOURNAL_STREAM ? "journal" : "pretty";
	const form = format === "auto" ? automatic : format;
	const always = createLogger({ level: "info", format: form, write, now: Date.now });
	return {
		logger: createLogger({ level, format: form, write, now: Date.now }),
		announce: (text, fields) => (form === "json" ? always.info(text, fields) : write(`covey: ${text}\n`)),
	};
}
