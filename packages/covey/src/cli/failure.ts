import { CoveyError } from "@covey/protocol/errors";
import { exitCodeOfError, exitCodes } from "./exit-code.ts";
import { harmless } from "./table.ts";
import { say, talkStyle } from "./terminal.ts";

/** Tells a failure on stderr: what, and the way out. @returns the exit code. */
export function reportFailure(error: unknown): number {
	if (error instanceof CoveyError) {
		say(`${talkStyle.red("covey:")} ${harmless(error.message)}`);
		if (error.hint !== undefined) say(`       ${talkStyle.dim(harmless(error.hint))}`);
		return exitCodeOfError(error);
	}
	say(`${talkStyle.red("covey:")} this should not happen: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
	return exitCodes.internal;
}
