import { CoveyError } from "@covey/protocol";
import { JournalError } from "#journal/journal-error.ts";
import { StoreFailure } from "./failure.ts";

/** Names the file, the entry and the way out. Errors of other origin go through as they are. */
export function toJournalError(error: unknown, file: string): unknown {
	if (!(error instanceof StoreFailure)) return error;
	const { reason, message, sequence, hint } = error;
	const about = { ...(sequence !== undefined && { sequence }), ...(hint !== undefined && { hint }), cause: error };
	switch (reason) {
		case "corrupt":
			return new JournalError(
				"corrupt",
				`the journal ${file} is damaged${sequence === undefined ? "" : ` at entry ${sequence}`}: ${message}`,
				{
					hint: `copy what is whole into a new journal with: covey journal salvage ${file}`,
					...about,
				},
			);
		case "truncated":
			return new JournalError("truncated", `the journal ${file} no longer has that: ${message}`, about);
		case "newer_format":
		case "unsupported":
			return new JournalError(reason, `the journal ${file} cannot be used: ${message}`, about);
		case "full":
			return new CoveyError("store_full", `no space left for the journal ${file}`, { hint: "free some space on that disk", cause: error });
		case "busy":
			return new CoveyError("conflict", `the journal ${file} is open in another program`, { hint: "end that program first", cause: error });
		case "failed":
			return new CoveyError("internal", `the journal ${file} failed: ${message}`, { cause: error });
	}
}
