import { createInterface } from "node:readline/promises";
import { CoveyError } from "@covey/protocol/errors";
import type { Option } from "./command.ts";

export const yesOption: Option = { flags: "-y, --yes", about: "do not ask (COVEY_CONFIRM=yes does the same)" };

/**
 * Asks before something that cannot be undone.
 * @throws CoveyError `forbidden` when it is not confirmed, or nobody is there to ask.
 */
export async function confirm(question: string, yes: boolean | undefined): Promise<void> {
	if (yes || process.env.COVEY_CONFIRM === "yes") return;
	if (!process.stdin.isTTY || !process.stderr.isTTY)
		throw new CoveyError("forbidden", `${question} Nobody is there to answer.`, { hint: "--yes, or COVEY_CONFIRM=yes" });
	const prompt = createInterface({ input: process.stdin, output: process.stderr });
	try {
		const answer = await prompt.question(`${question} [y/N] `);
		if (!/^y(es)?$/i.test(answer.trim())) throw new CoveyError("forbidden", "nothing was done");
	} finally {
		prompt.close();
	}
}
