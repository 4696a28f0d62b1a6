import { feed } from "./feed.ts";
import { mergeReports } from "./merge.ts";
import type { Failure, Report, ToolParser } from "./report.ts";

/**
 * Tells apart the tasks that a runner of a workspace runs side by side, line by line interleaved: Turborepo writes
 * "web:test: " before each line, pnpm "packages/web test: ". Each task that the runner announced is read on its own.
 */
export class LanesParser implements ToolParser {
	readonly #newTool: () => ToolParser;
	readonly #main: ToolParser;
	readonly #lanes = new Map<string, Lane>();
	readonly #notes = new Set<string>();

	constructor(newTool: () => ToolParser) {
		this.#newTool = newTool;
		this.#main = newTool();
	}

	get recognised(): boolean {
		return this.#main.recognised || [...this.#lanes.values()].some(({ tool }) => tool.recognised);
	}

	json(text: string): boolean {
		return this.#main.json?.(text) ?? false;
	}

	line(text: string, stream: "stdout" | "stderr"): void {
		if (!this.#announcement(text) && !this.#inLane(text, stream)) this.#main.line(text, stream);
	}

	end(): Report {
		const anyRecognised = this.recognised;
		const believed = (tool: ToolParser): boolean => tool.recognised || !anyRecognised;
		const lanes = [...this.#lanes].filter(([, { tool }]) => believed(tool));
		const reports = lanes.map(([name, { directory, tool }]) => inLane(name, directory, tool.end()));
		const merged = mergeReports([...reports, ...(believed(this.#main) ? [this.#main.end()] : [])]);
		return { ...merged, notes: [...merged.notes, ...this.#notes] };
	}

	readable(text: string): string | undefined {
		return this.#main.readable ? this.#main.readable(text) : text;
	}

	#announcement(text: string): boolean {
		const turbo = text.includes(": cache ") ? /^(\S+:\S+): cache (miss|hit|bypass)/.exec(text) : null;
		const pnpm = text.includes("$ ") ? /^((\S+) [\w:.-]+)\$ /.exec(text) : null;
		if (turbo) this.#open(turbo[1]!, undefined);
		else if (pnpm) this.#open(pnpm[1]!, pnpm[2]!);
		if (turbo?.[2] === "hit") this.#notes.add(`${turbo[1]} did not run: its log is that of an earlier run, from the cache of turbo`);
		if (text.startsWith("Nx read the output from the cache")) this.#notes.add(text);
		return turbo !== null || pnpm !== null;
	}

	#open(name: string, directory: string | undefined): void {
		if (this.#lanes.has(name)) return;
		if (this.#lanes.size >= lanesMax) this.#notes.add(`of the tasks after the first ${lanesMax} the output was not read`);
		else this.#lanes.set(name, { directory: directory === "." ? undefined : directory, tool: this.#newTool() });
	}

	#inLane(text: string, stream: "stdout" | "stderr"): boolean {
		const end = this.#lanes.size === 0 ? -1 : text.indexOf(": ");
		const lane = end < 0 ? undefined : this.#lanes.get(text.slice(0, end));
		if (lane) feed(lane.tool, text.slice(end + 2), stream);
		return lane !== undefined;
	}
}

interface Lane {
	/** Of the task, when the runner tells it: the tool's paths are relative to it. */
	readonly directory: string | undefined;
	readonly tool: ToolParser;
}

const lanesMax = 300;

/** The findings of one task, under its name. */
function inLane(name: string, directory: string | undefined, report: Report): Report {
	const placed = <Found extends { readonly file?: string }>(found: Found): Found =>
		found.file === undefined || directory === undefined || found.file.startsWith("/")
			? found
			: { ...found, file: `${directory}/${found.file}` };
	return {
		...report,
		failures: report.failures.map((failure): Failure => ({ ...placed(failure), test: `${name}: ${failure.test}` })),
		diagnostics: report.diagnostics.map(placed),
		notes: report.notes.map((note) => `${name}: ${note}`),
	};
}
