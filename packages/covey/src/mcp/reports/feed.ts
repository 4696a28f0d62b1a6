import { reportLimits, type ToolParser } from "./report.ts";

/** Gives a line to a tool: JSON whole to where it is understood, and of other lines no more than a message can be. */
export function feed(tool: ToolParser, text: string, stream: "stdout" | "stderr"): void {
	const isJson = text.startsWith("{") || text.startsWith("[{");
	if (!isJson || !tool.json?.(text)) tool.line(text.slice(0, reportLimits.textCharsMax), stream);
}
