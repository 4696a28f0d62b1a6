import { CoveyError } from "@covey/protocol";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { toolResult } from "./result.ts";

/** The tool could not do its work: a short true sentence with the way out. */
export function refusalAnswer(error: unknown): CallToolResult {
	const known = error instanceof CoveyError ? error : undefined;
	const sentence = clip(error instanceof Error ? error.message : String(error), 1500);
	const hint = known?.hint && clip(known.hint, 500);
	return toolResult(
		[`NOT DONE: ${sentence}`, ...(hint ? [`What to do: ${hint}`] : [])].join("\n"),
		{ outcome: "not_done", code: known?.code ?? "internal", summary: sentence, hint },
		true,
	);
}

const clip = (text: string, chars: number): string => (text.length <= chars ? text : `${text.slice(0, chars)}…`);
