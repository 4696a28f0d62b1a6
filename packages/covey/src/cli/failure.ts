import { CoveyError, errorTable } from "@covey/protocol/errors";
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
	if (isRefusal(error)) {
		say(`${talkStyle.red("covey:")} this machine refuses: ${harmless(error.message)}`);
		say(`       ${talkStyle.dim("covey paths shows where everything is kept; HOME and the XDG variables move it")}`);
		return errorTable.bad_config.exit;
	}
	say(`${talkStyle.red("covey:")} this should not happen: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
	return exitCodes.internal;
}

/** A directory that may not be written, a full disk: for a person to mend, and no fault of Covey. */
const refusals = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ENOSPC", "EDQUOT"];

function isRefusal(error: unknown): error is NodeJS.ErrnoException {
	return error instanceof Error && "path" in error && refusals.includes((error as NodeJS.ErrnoException).code ?? "");
}
