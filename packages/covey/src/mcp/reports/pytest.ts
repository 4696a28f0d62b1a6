import { amountOf, wholeOf } from "./amounts.ts";
import { Block, Collector, cut, present } from "./collect.ts";
import { endsEarly, nothingRan } from "./nothing-ran.ts";
import { Frames, type Place, placeOf } from "./place.ts";
import type { Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";
import { addCounts, ranNone } from "./test-counts.ts";

/**
 * Reads the text of pytest. "=== ERRORS ===" and "=== FAILURES ===" hold a block for each, under its short name; the
 * "short test summary info" names them by node id, in the same order; the last line counts.
 */
export class PytestParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	#section: string | undefined;
	#block: FailureBlock | undefined;
	#tests: TestCounts | undefined;
	#deselected = 0;
	/** The last frame outside the blocks: of a conftest.py that does not load. */
	#place: Place | undefined;
	/** A short name may stand for tests of several files: the nth block belongs to the nth line of the summary. */
	readonly #blocksOf = new Occurrences();
	readonly #linesOf = new Occurrences();

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
	}

	line(text: string): void {
		if (text.startsWith("=")) this.#header(text);
		else if (text.startsWith("!!")) this.#stop(text);
		else if (text.startsWith("_") && this.#section !== undefined) this.#blockTitle(text);
		else if (this.#block) this.#block.line(text);
		else if (this.#section === "short test summary info") this.#summaryLine(text);
		else this.#outside(text);
	}

	end(): Report {
		this.#closeBlock();
		if (this.#section !== undefined) this.#found.note(endsEarly(this.#tests));
		if (ranNone(this.#tests))
			this.#found.note(nothingRan({ filter: this.#filter, passedOver: this.#deselected, ignored: this.#tests.ignored }));
		return this.#found.report({ tests: this.#tests });
	}

	#outside(text: string): void {
		const first = text.charCodeAt(0);
		if (first >= digit0 && first <= digit9) this.#counts(text);
		else if (text.startsWith("collect")) this.#collection(text);
		else if (text.startsWith("rootdir: ")) this.#found.ranIn(/^rootdir: ([^,]+)/.exec(text)?.[1] ?? "");
		else if (text.startsWith("ImportError while loading conftest")) this.recognised = true;
		else if (this.recognised || text.startsWith("ERROR: ")) this.#complaint(text);
	}

	#header(text: string): void {
		const title = /^=+ (.+?) =+$/.exec(text)?.[1];
		if (title === undefined || (this.#block && !sections.test(title) && !closing.test(title))) this.#block?.line(text);
		else this.#openSection(title);
	}

	#openSection(title: string): void {
		this.#closeBlock();
		if (title === "test session starts") this.recognised = true;
		this.#section = title;
		this.#counts(title);
	}

	#blockTitle(text: string): void {
		const title = this.#section === "ERRORS" || this.#section === "FAILURES" ? /^_+ (.*?[^_ ].*?) _+$/.exec(text)?.[1] : undefined;
		if (title === undefined) {
			this.#block?.line(text);
			return;
		}
		this.#closeBlock();
		const name = title.replace(/^ERROR (?:at (?:setup|teardown) of|collecting) /, "");
		this.#block = new FailureBlock(name, this.#section === "ERRORS" ? "ERROR" : "FAILED");
	}

	#closeBlock(): void {
		const block = this.#block;
		this.#block = undefined;
		if (block === undefined) return;
		const { kind, name, place, message } = block;
		const isFile = name.endsWith(".py");
		this.#found.failed(this.#blocksOf.key(`${kind} ${name}`), { test: name, ...place, ...(isFile && { file: name }), message });
	}

	/** `FAILED tests/test_x.py::TestCart::test_total - AssertionError: …` */
	#summaryLine(text: string): void {
		const found = /^(FAILED|ERROR) ([^[]+?(?:\[.*?\])?)(?: - (.*))?$/.exec(text);
		if (!found) {
			this.#counts(text);
			return;
		}
		const [, kind, node = "", message] = found;
		const [file = "", ...names] = node.split("::");
		const name = names.length > 0 ? names.join(".") : file;
		this.#found.failed(this.#linesOf.key(`${kind} ${name}`), present({ test: node, file, message }));
	}

	/** `3 failed, 2 passed, 1 error in 0.04s`, with or without its frame. */
	#counts(text: string): void {
		if (!closing.test(text)) return;
		this.recognised = true;
		const amount = (word: string): number => amountOf(text, word);
		this.#deselected = Math.max(this.#deselected, amount("deselected"));
		this.#section = undefined;
		this.#tests = addCounts(this.#tests, {
			passed: amount("passed") + amount("xpassed"),
			failed: amount("failed") + amount("error"),
			ignored: amount("skipped") + amount("xfailed"),
		});
	}

	#collection(text: string): void {
		this.#deselected = wholeOf(/collected \d+ items?.* (\d+) deselected/.exec(text)?.[1]);
	}

	#complaint(text: string): void {
		const place = /^(\S.*?\.pyx?):(\d+): /.exec(text);
		if (place) this.#place = placeOf(place[1]!, place[2]);
		const isOutside = this.#section !== "FAILURES" && this.#section !== "ERRORS";
		const error = isOutside ? /^(?:ERROR: |E +|INTERNALERROR> (?=\w+(?:Error|Exception)\b))(.+)$/.exec(text)?.[1] : undefined;
		if (error !== undefined) this.#found.diagnose({ level: "error", ...this.#place, message: error });
	}

	/** `!!!!! Interrupted: 2 errors during collection !!!!!` */
	#stop(text: string): void {
		const reason = /^!+ (.+?) !+$/.exec(text)?.[1];
		if (reason === undefined) this.#block?.line(text);
		else this.#found.note(`pytest stopped early: ${reason}`);
	}
}

const [digit0, digit9] = [48, 57];

/** What ends a block; a test may print rulers of its own. */
const sections =
	/^(ERRORS|FAILURES|X?PASSES|XFAILURES|warnings summary|short test summary info|rerun test summary info|slowest .*|tests coverage)/;
const closing = /^(no tests ran|\d+ (x?failed|x?passed|skipped|deselected|errors?|warnings?, )\b.*) in [\d.]+s/;

class FailureBlock {
	readonly name: string;
	readonly kind: "ERROR" | "FAILED";
	readonly #assertion = new Block();
	readonly #all = new Block();
	readonly #frames = new Frames((file) => /(^|\/)(test_[^/]*|[^/]*_test|conftest)\.py$/.test(file));
	#isCaptured = false;

	constructor(name: string, kind: "ERROR" | "FAILED") {
		this.name = name;
		this.kind = kind;
	}

	line(text: string): void {
		if (/^-{3,} Captured /.test(text)) this.#isCaptured = true;
		if (this.#isCaptured) return;
		this.#all.add(text);
		if (text.startsWith("E ")) this.#assert(text.slice(1));
		const place = /^(\S.*?\.pyx?):(\d+): /.exec(text);
		if (place) this.#frames.add(placeOf(place[1]!, place[2]));
	}

	get place(): Place | undefined {
		return this.#frames.nearest;
	}

	get message(): string {
		return this.#assertion.isEmpty ? this.#all.text : this.#assertion.text;
	}

	#assert(text: string): void {
		this.#assertion.add(text);
		const syntax = /^ +File "(.+?)", line (\d+)/.exec(text);
		if (syntax) this.#frames.add(placeOf(syntax[1]!, syntax[2]));
	}
}

/** Numbers the occurrences of a name. */
class Occurrences {
	readonly #seen = new Map<string, number>();

	key(name: string): string {
		const short = cut(name).slice(0, 300);
		const nth = (this.#seen.get(short) ?? 0) + 1;
		if (this.#seen.size < namesMax || nth > 1) this.#seen.set(short, nth);
		return `${short}\0${nth}`;
	}
}

const namesMax = 10_000;
