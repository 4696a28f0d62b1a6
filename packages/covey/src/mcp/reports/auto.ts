import { GenericParser } from "./generic.ts";
import { mergeReports } from "./merge.ts";
import type { Report, ReportOptions, ToolParser } from "./report.ts";

/**
 * For a script that runs who knows what, one tool after another: every known tool reads along, and those that recognised
 * their own are believed. When none did, what looks like an error is told.
 */
export class AutoParser implements ToolParser {
	readonly #tools: readonly ToolParser[];
	readonly #generic: GenericParser;

	constructor(tools: readonly ToolParser[], options: ReportOptions = {}) {
		this.#tools = tools;
		this.#generic = new GenericParser(options);
	}

	get recognised(): boolean {
		return this.#tools.some((tool) => tool.recognised);
	}

	/** A line of JSON has one reader. */
	json(text: string): boolean {
		return this.#tools.some((tool) => tool.json?.(text));
	}

	line(text: string, stream: "stdout" | "stderr"): void {
		for (const tool of this.#tools) tool.line(text, stream);
		this.#generic.line(text);
	}

	end(): Report {
		const believed = this.#tools.filter((tool) => tool.recognised);
		return believed.length > 0 ? mergeReports(believed.map((tool) => tool.end())) : this.#generic.end();
	}

	/** Whatever one of the tools writes for machines. */
	readable(text: string): string | undefined {
		for (const tool of this.#tools) {
			const shown = tool.readable === undefined ? text : tool.readable(text);
			if (shown !== text) return shown;
		}
		return text;
	}
}
