import { CoveyError, type ErrorCode } from "@covey/protocol";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { toolResult } from "./result.ts";

/** Where the way out of an agent is another than that of a person at a keyboard. */
const hints: Partial<Record<ErrorCode, string>> = {
	no_worker: "tell the person: join a machine that fits (covey join), or let the coordinator's own take it (client.fallback)",
};

/** The tool could not do its work: a short true sentence with the way out. */
export function refusalAnswer(error: unknown): CallToolResult {
	const known = error instanceof CoveyError ? error : undefined;
	const sentence = clip(error instanceof Error ? error.message : String(error), 1500);
	const wayOut = known && (hints[known.code] ?? known.hint);
	const hint = wayOut && clip(wayOut, 500);
	return toolResult(
		[`NOT DONE: ${sentence}`, ...(hint ? [`What to do: ${hint}`] : [])].join("\n"),
		{ outcome: "not_done", code: known?.code ?? "internal", summary: sentence, hint },
		true,
	);
}

const clip = (text: string, chars: number): string => (text.length <= chars ? text : `${text.slice(0, chars)}…`);
