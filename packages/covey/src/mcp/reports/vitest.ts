import { amountOf, plural } from "./amounts.ts";
import { Block, Collector } from "./collect.ts";
import { endsEarly, nothingRan } from "./nothing-ran.ts";
import { Frames, type Place, readPlace } from "./place.ts";
import type { Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";
import { addCounts, noTests, ranNone } from "./test-counts.ts";

/**
 * Reads the text of `vitest run`. Each failure is a section: one or more " FAIL " lines (several tests may share one
 * error), the error, its frames, and a line "⎯⎯[1/5]⎯". Errors that belong to no test have sections of their own.
 */
export class VitestParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	#section: Section | undefined;
	#tests: TestCounts | undefined;
	/** Where the last run was started: its paths are relative to it. */
	#root = "";
	#isRunning = false;
	#suitesFailed = 0;
	#pattern: string | undefined;

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
	}

	line(text: string): void {
		const run = text.startsWith(" RUN  v") ? /^ RUN +v\S+ (.+)$/.exec(text) : null;
		if (run) this.#run(run[1]!);
		else if (this.recognised) this.#afterRun(text);
	}

	end(): Report {
		this.#close();
		if (this.#isRunning) this.#found.note(endsEarly(this.#tests));
		if (this.#suitesFailed > 0)
			this.#found.note(`${plural(this.#suitesFailed, "test file")} failed to load, and no test of such a file is counted`);
		if (ranNone(this.#tests) && this.#suitesFailed === 0) this.#found.note(this.#idle(this.#tests));
		return this.#found.report({ tests: this.#tests });
	}

	#afterRun(text: string): void {
		if (text.startsWith(" FAIL  ")) this.#fail(text.slice(" FAIL  ".length));
		else if (text.startsWith("⎯")) this.#rule(text);
		else if (this.#section) this.#inSection(this.#section, text);
		else if (text.startsWith(" ")) this.#summary(text);
		else if (text.startsWith("filter: ")) this.#pattern = text.slice("filter: ".length);
		else if (text.startsWith("No test files found")) this.#ended(noTests);
	}

	#run(root: string): void {
		this.#close();
		this.recognised = this.#isRunning = true;
		this.#root = root.trim();
		this.#found.ranIn(this.#root);
	}

	#fail(name: string): void {
		if (this.#section === undefined || this.#section.hasBody || this.#section.names.length >= namesMax) this.#close();
		this.#section ??= new Section();
		const suite = /^(?:\|.+?\| )?(\S.*?) \[ .+ \]$/.exec(name);
		if (suite) this.#suitesFailed += 1;
		const [file = "", ...rest] = suite ? [suite[1]!] : name.replace(/^\|.+?\| +/, "").split(" > ");
		this.#section.names.push({ test: rest.length > 0 ? rest.join(" > ") : file, file });
	}

	/** "⎯⎯[1/5]⎯" ends a failure; "⎯⎯ Unhandled Rejection ⎯⎯" begins an error outside tests. */
	#rule(text: string): void {
		this.#close();
		const title = /^⎯+ (Unhandled Rejection|Uncaught Exception|Unhandled Error|Startup Error|Typecheck Error: .+?) ⎯+$/.exec(text)?.[1];
		if (title === undefined) return;
		this.#section = new Section();
		this.#section.names.push({ test: title.toLowerCase() });
	}

	/** Sections come by stderr and the summary by stdout: it may stand in the middle of a section. */
	#inSection(section: Section, text: string): void {
		const origin = /^This error originated in "(.+)" test file/.exec(text)?.[1];
		if (origin !== undefined) section.names[0] = { ...section.names[0]!, file: origin };
		if (/^ +(Test Files|Tests|Errors|Snapshots|Start at|Duration) {2}/.test(text)) this.#summary(text);
		else section.line(text);
	}

	#close(): void {
		const section = this.#section;
		this.#section = undefined;
		for (const { test, file } of section?.names ?? []) {
			const place = section!.placeIn(file);
			const path = place?.file ?? file;
			const absolute = path === undefined || path.startsWith("/") ? path : `${this.#root}/${path}`;
			this.#found.failed(`${this.#root}\0${file}\0${test}`, { test, ...place, file: absolute, message: section!.message.text });
		}
	}

	#summary(text: string): void {
		const tests = /^ +Tests {2}(.+)$/.exec(text)?.[1];
		if (tests === undefined) return;
		const [passed, failed, skipped, todo] = [
			amountOf(tests, "passed"),
			amountOf(tests, "failed"),
			amountOf(tests, "skipped"),
			amountOf(tests, "todo"),
		];
		this.#ended({ passed, failed, ignored: skipped + todo });
	}

	#ended(tests: TestCounts): void {
		this.#isRunning = false;
		this.#tests = addCounts(this.#tests, tests);
	}

	#idle({ ignored }: TestCounts): string {
		if (this.#pattern !== undefined) return `no test ran: no test file matches "${this.#pattern.slice(0, 200)}"`;
		return nothingRan(this.#filter === undefined ? { ignored } : { filter: this.#filter, passedOver: ignored });
	}
}

class Section {
	readonly names: { readonly test: string; readonly file?: string }[] = [];
	readonly message = new Block();
	#frames: Place[] = [];
	/** A place inside the message: a parser shows it in its own way. */
	#mentioned: Place | undefined;

	get hasBody(): boolean {
		return !this.message.isEmpty;
	}

	line(text: string): void {
		const frame = text.startsWith(" ❯ ") ? / ([^ ]+:\d+:\d+)$/.exec(text)?.[1] : undefined;
		const place = frame === undefined ? undefined : readPlace(frame);
		if (place && this.#frames.length < framesMax) this.#frames.push(place);
		else if (this.#frames.length === 0) this.#words(text);
	}

	placeIn(file: string | undefined): Place | undefined {
		const frames = new Frames((path) => path === file);
		for (const place of this.#frames) frames.add(place);
		const { nearest } = frames;
		if (this.#mentioned && nearest?.file !== file && file !== undefined && this.#mentioned.file.endsWith(file))
			return { ...this.#mentioned, file };
		return nearest;
	}

	#words(text: string): void {
		this.message.add(text);
		if (this.#mentioned) return;
		const mentioned = /(?<![^\s[])[^\s[]+:\d+:\d+/.exec(text)?.[0];
		if (mentioned !== undefined) this.#mentioned = readPlace(mentioned);
	}
}

const framesMax = 50;

/** Tests that share one error. */
const namesMax = 200;
