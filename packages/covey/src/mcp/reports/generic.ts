import { Collector } from "./collect.ts";
import { missing, missingAlone } from "./missing-program.ts";
import { Frames, type Place, placeOf, readPlace } from "./place.ts";
import type { Diagnostic, Report, ReportOptions, ToolParser } from "./report.ts";

/**
 * Reads a log of any tool: the lines that look like errors, with their place where one is told. What it counts is what
 * it saw, never zero: an unknown tool may have said more than was understood.
 */
export class GenericParser implements ToolParser {
	recognised = false;
	readonly #found: Collector;
	/** An error whose stack or reason may follow. */
	#open: Open | undefined;
	/** Where the next exception comes from: Python and Node tell it first. */
	#source: Place | undefined;
	/** What make and its like say when a step failed: told only if the step itself was not understood. */
	#lastResort: Diagnostic | undefined;

	constructor(options: ReportOptions = {}) {
		this.#found = new Collector(options);
	}

	line(text: string): void {
		if (this.#open && this.#continues(this.#open, text)) return;
		const source = /^ *File "(.+?)", line (\d+)/.exec(text) ?? /^((?:file:\/\/)?\/\S+\.[cm]?[jt]sx?):(\d+)$/.exec(text);
		if (source) this.#source = placeOf(source[1]!, source[2]);
		else if (suspect.test(text)) this.#look(text);
	}

	end(): Report {
		this.#close();
		if (this.#lastResort && this.#found.count("error") === 0) this.#found.diagnose(this.#lastResort);
		return this.#found.report();
	}

	#look(text: string): void {
		for (const shape of shapes) {
			const found = shape.looks.exec(text);
			if (!found) continue;
			const { file, line, col, level = "error", code, message = "" } = found.groups ?? {};
			const diagnostic: Diagnostic = {
				level: /warning/i.test(level) ? "warning" : "error",
				...(code !== undefined && { code }),
				...(file !== undefined && placeOf(file, line, col)),
				message,
			};
			if (shape.lastResort) this.#lastResort ??= diagnostic;
			else if (shape.follows) this.#open = { diagnostic, follows: shape.follows, frames: new Frames(() => false), lines: [] };
			else this.#found.diagnose(diagnostic);
			return;
		}
	}

	#continues({ follows, frames, lines }: Open, text: string): boolean {
		const frame = follows === "stack" ? /^\s+at (?:.+ )?(\(?[^()\s]+:\d+:\d+\)?)$/.exec(text)?.[1] : undefined;
		const place = frame === undefined ? undefined : readPlace(frame);
		if (place) frames.add(place);
		const belongs = /^\s+\S/.test(text) && lines.length < reasonLinesMax;
		if (belongs && follows === "reason") lines.push(text.trim());
		if (!belongs && !(follows === "stack" && /^\s+at /.test(text))) this.#close();
		return this.#open !== undefined;
	}

	#close(): void {
		if (this.#open === undefined) return;
		const { diagnostic, frames, lines } = this.#open;
		this.#open = undefined;
		const place = diagnostic.file === undefined ? (frames.nearest ?? this.#source) : undefined;
		this.#source = undefined;
		this.#found.diagnose({ ...diagnostic, ...place, message: [diagnostic.message, ...lines].filter((line) => line !== "").join("\n") });
	}
}

interface Open {
	readonly diagnostic: Diagnostic;
	readonly follows: Follows;
	readonly frames: Frames;
	readonly lines: string[];
}

type Follows = "stack" | "reason";

interface Shape {
	readonly looks: RegExp;
	readonly follows?: Follows;
	readonly lastResort?: boolean;
}

/** A cheap test that most lines do not pass. */
const suspect =
	/error|warning|fatal|exception|undefined reference|not found|no such file|unknown command|\*\*\* |panic|segmentation fault|killed$|aborted/i;

/** What errors look like. The first shape that fits takes the line. */
const shapes: readonly Shape[] = [
	// gcc, clang, swiftc, javac, mypy: src/a.c:3:14: error: words [-Wcode]
	{
		looks:
			/^(?<file>[^\s:][^:]*):(?<line>\d+):(?:(?<col>\d+):)? ?(?<level>(?:fatal )?error|warning): (?<message>.+?)(?: +\[(?<code>-W[\w=+-]+|[a-z][\w-]*)\])?$/i,
	},
	// MSVC, C#: a.cs(3,14): error CS1002: words
	{ looks: /^(?<file>[^\s(][^(]*)\((?<line>\d+)(?:,(?<col>\d+))?\): (?<level>(?:fatal )?error|warning) (?<code>\w+): (?<message>.+)$/ },
	{ looks: /^CMake (?<level>Error|Warning)(?: \(dev\))?(?: at (?<file>.+?):(?<line>\d+))?.*:$/, follows: "reason" },
	{ looks: /^(?:\S*ld: )?(?<file>[^\s:]+?):(?:\(.+?\)|(?<line>\d+)): (?<message>undefined reference to .+)$/ },
	{ looks: /^collect2: error: (?<message>ld returned .+)$/, lastResort: true },
	{ looks: /^\S*make(?:\[\d+\])?: \*\*\* (?:\[(?:(?<file>[^:\]]+):(?<line>\d+): )?[^\]]+\] )?(?<message>.+)$/, lastResort: true },
	{ looks: /^npm (?:ERR!|error) (?<message>.+)$/, lastResort: true },
	{ looks: /^(?:Uncaught )?(?<code>(?:\w+\.)*\w*(?:Error|Exception))(?: \[\w+\])?: (?<message>.+)$/, follows: "stack" },
	{ looks: /^thread '.*?'(?: \(\d+\))? panicked at (?<file>.+?):(?<line>\d+):(?<col>\d+):$/, follows: "reason" },
	{ looks: missing },
	{ looks: missingAlone, lastResort: true },
	{ looks: /^(?:[\w./+-]+: )?(?<level>(?:fatal )?error|fatal|warning)(?:\[(?<code>[\w:-]+)\])?: (?<message>.+)$/i },
	{ looks: /^\[?(?<level>ERROR|FATAL)\]?:? (?<message>.+)$/ },
	{ looks: /^(?:\S*sh: .*)?(?<message>Segmentation fault.*|Aborted.*|Killed|panic: .+)$/ },
];

const reasonLinesMax = 8;
