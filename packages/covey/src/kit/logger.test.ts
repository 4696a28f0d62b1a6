import { expect, test } from "vitest";
import { createLogger, type LoggerOptions } from "./logger.ts";

const evil = '\x1b]52;c;aGk=\x07\r\x9b31m\u202e\n{"level":"error"}';

test.each(["json", "pretty", "journal"] as const)(
	"whatever is logged as %s is one line, and steers no terminal",
	(format: LoggerOptions["format"]) => {
		const lines: string[] = [];
		const logger = createLogger({ level: "info", format, write: (line) => lines.push(line), now: () => 0 });
		logger.info("from outside", { evil, error: new Error(evil) });
		expect(lines).toHaveLength(1);
		expect(lines[0]).toMatch(/from outside.*\n$/);
		expect(lines[0]!.slice(0, -1)).not.toMatch(/[\x00-\x1f\x7f]/);
		// JSON is for programs, which see C1 and bidirectional controls as what they are.
		if (format !== "json") expect(lines[0]).not.toMatch(/[\x80-\x9f\u202e]/);
	},
);
