import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { quoteCommand } from "./shell.ts";

test("A real shell gets back exactly the arguments, whatever is in them", () => {
	const word = fc.string({ unit: fc.constantFrom("a", " ", "'", '"', "$", "`", "\\", "\n", "*", "~", "ä", "-", "=", ";", "!", "#") });
	const commands = fc.sample(fc.array(word, { minLength: 1, maxLength: 8 }), { numRuns: 40 });
	commands.push([""], ["-n"], ["a=b"], ["~"]);
	const script = commands.map((command) => `printf '%s\\0' ${quoteCommand(command)}`).join("\n");
	const printed = execFileSync("/bin/sh", ["-c", script]).toString();
	expect(printed).toBe(
		commands
			.flat()
			.map((each) => `${each}\0`)
			.join(""),
	);
});
