import { amountOf, plural, wholeOf } from "./amounts.ts";
import { Block, Collector } from "./collect.ts";
import { endsEarly, nothingRan } from "./nothing-ran.ts";
import { Frames, type Place, placeOf, readPlace } from "./place.ts";
import type { Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";
import { addCounts, noTests, ranNone } from "./test-counts.ts";

/**
 * Reads the text of jest: per test file a line PASS or FAIL, then a section "  ● name" for each failed test or for the
 * file that could not be run. "Summary of all failing tests" repeats them.
 */
export class JestParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	#file: string | undefined;
	#section: Section | undefined;
	#tests: TestCounts | undefined;
	#sawSuites = false;
	/** Runs that ended; paths and names are only unique within one. */
	#runs = 0;
	#isRunning = false;
	#suitesFailed = 0;
	#pattern: string | undefined;
	#testFiles: number | undefined;

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
	}

	line(text: string): void {
		const file = /^ ?(FAIL|PASS) /.test(text) ? testFile(text.trimStart()) : undefined;
		if (file !== undefined) this.#open(file);
		else if (text.startsWith("  ● ")) this.#title(text.slice("  ● ".length));
		else if (this.#section && (text === "" || text.startsWith(" "))) this.#section.line(text);
		else this.#closing(text);
	}

	end(): Report {
		this.#close();
		if (this.#isRunning) this.#found.note(endsEarly(this.#tests));
		if (this.#suitesFailed > 0)
			this.#found.note(`${plural(this.#suitesFailed, "test file")} failed to run, and no test of such a file is counted`);
		if (ranNone(this.#tests) && this.#suitesFailed === 0) this.#found.note(this.#idle(this.#tests));
		return this.#found.report({ tests: this.#tests });
	}

	#open(file: string): void {
		this.#close();
		this.#file = file;
	}

	/** "describe › test", "Test suite failed to run", or "Console", which is no failure. */
	#title(title: string): void {
		this.#close();
		if (title === "Console" || this.#file === undefined) return;
		this.recognised = true;
		this.#isRunning = true;
		this.#section = new Section(title, this.#file);
	}

	#close(): void {
		const section = this.#section;
		this.#section = undefined;
		if (section === undefined) return;
		const { file, isSuite, test } = section;
		const key = `${this.#runs}\0${file}\0${test}`;
		if (isSuite && !this.#found.knows(key)) this.#suitesFailed += 1;
		this.#found.failed(key, { test, file, ...section.place, message: section.message });
	}

	#closing(text: string): void {
		if (text.startsWith("Test Suites: ")) {
			this.#close();
			this.recognised = this.#sawSuites = this.#isRunning = true;
		} else if (this.#sawSuites && text.startsWith("Tests: ")) {
			const ignored = amountOf(text, "skipped") + amountOf(text, "todo");
			this.#ended({ passed: amountOf(text, "passed"), failed: amountOf(text, "failed"), ignored });
		} else if (text.startsWith("No tests found, exiting with code")) {
			this.recognised = true;
			this.#ended(noTests);
		} else if (text.startsWith("  testMatch: ")) this.#testFiles = wholeOf(/ - (\d+) matches$/.exec(text)?.[1]);
		else if (text.startsWith("Pattern: ")) this.#pattern = /^Pattern: (.+) - 0 matches$/.exec(text)?.[1];
		else if (text.startsWith("Ran all test suites")) this.#pattern ??= /with tests matching "(.+)"/.exec(text)?.[1];
		else if (text === "Summary of all failing tests") this.#close();
	}

	#ended(tests: TestCounts): void {
		this.#runs += 1;
		this.#isRunning = false;
		this.#tests = addCounts(this.#tests, tests);
	}

	#idle({ ignored }: TestCounts): string {
		const filter = this.#filter ?? this.#pattern;
		if (!this.#sawSuites) return nothingRan({ filter, passedOver: this.#testFiles, noun: "test file" });
		return nothingRan(filter === undefined ? { ignored } : { filter, passedOver: ignored });
	}
}

class Section {
	readonly file: string;
	readonly isSuite: boolean;
	readonly test: string;
	#message = new Block();
	readonly #frames: Frames;
	/** The place that a compiler names, or the line that the code frame points at. */
	#mentioned: Place | undefined;
	#isPastMessage = false;

	constructor(title: string, file: string) {
		this.file = file;
		this.isSuite = title === "Test suite failed to run";
		this.test = this.isSuite ? file : title;
		this.#frames = new Frames((path) => path === file || path.endsWith(`/${file}`));
	}

	get message(): string {
		return this.#message.text;
	}

	get place(): Place | undefined {
		const { nearest } = this.#frames;
		return nearest === undefined || (this.isSuite && nearest.file !== this.file) ? (this.#mentioned ?? nearest) : nearest;
	}

	line(text: string): void {
		if (text === "    Details:") {
			// What stands above is advice for every unexpected token.
			this.#message = new Block();
			return;
		}
		const frame = /^\s+at (?:.+ )?(\(?[^()\s]+:\d+:\d+\)?)$/.exec(text)?.[1];
		const place = frame === undefined ? undefined : readPlace(frame);
		if (place) this.#frames.add(place);
		if (frame !== undefined || /^ +at |^ *(?:> *)?\d* \|/.test(text)) this.#isPastMessage = true;
		const pointer = /^\s*> (\d+) \|/.exec(text)?.[1];
		if (pointer !== undefined) this.#mentioned ??= placeOf(this.file, pointer);
		if (!this.#isPastMessage) this.#words(text);
	}

	#words(text: string): void {
		this.#message.add(text);
		const syntax = /^ +SyntaxError: (\/.+?): .+ \((\d+):(\d+)\)$/.exec(text) ?? /^ +(\S+\.[cm]?tsx?):(\d+):(\d+) - error TS/.exec(text);
		if (syntax) this.#mentioned ??= placeOf(syntax[1]!.endsWith(`/${this.file}`) ? this.file : syntax[1]!, syntax[2], syntax[3]);
	}
}

/** The path in `FAIL project test/x.test.js (5.1 s)`. */
function testFile(text: string): string | undefined {
	const rest = /^(?:FAIL|PASS) +(\S.*?)(?: \([\d.]+ m?s\))?(?: \(\d+ MB heap size\))?$/.exec(text)?.[1];
	const last = rest?.split(" ").at(-1);
	return last !== undefined && /\.\w+$/.test(last) ? (rest!.split(" ").length === 2 ? last : rest) : undefined;
}
