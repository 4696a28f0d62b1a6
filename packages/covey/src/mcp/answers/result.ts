import type { CallToolResult } from "@modelcontextprotocol/server";

/** Both halves say the whole: of five clients two show the model only the text and two only the structure. */
export function toolResult(text: string, structured: Readonly<Record<string, unknown>>, isError = false): CallToolResult {
	return {
		content: [{ type: "text", text }],
		structuredContent: Object.fromEntries(Object.entries(structured).filter(([, value]) => value !== undefined)),
		...(isError && { isError }),
	};
}
