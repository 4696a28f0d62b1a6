import { CargoJson, isCargoJson, renderedOf } from "./cargo-json.ts";
import { Collector } from "./collect.ts";
import { Libtest } from "./libtest.ts";
import { Nextest } from "./nextest.ts";
import { PanicReader } from "./panic.ts";
import type { Report, ReportOptions, ToolParser } from "./report.ts";
import { RustcText } from "./rustc-text.ts";

/**
 * Reads `cargo build`, `clippy`, `test` and `nextest`: compiler messages as JSON or as text, then the tests. The lines
 * of a test section belong to the tests, whatever they look like.
 */
export class CargoParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	readonly #json: CargoJson;
	readonly #text: RustcText;
	readonly #libtest: Libtest;
	readonly #nextest: Nextest;
	/** A panic outside tests: of the program that `cargo run` starts, or of a build script. */
	#panic: PanicReader | undefined;
	/** The test binary that cargo started last. */
	#binary = "test binary";

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
		this.#json = new CargoJson(this.#found);
		this.#text = new RustcText(this.#found);
		this.#libtest = new Libtest(this.#found);
		this.#nextest = new Nextest(this.#found);
	}

	json(text: string): boolean {
		if (!isCargoJson(text)) return false;
		this.recognised = true;
		this.#json.line(text);
		return true;
	}

	line(text: string): void {
		this.recognised ||= marks.test(text);
		this.#nextest.line(text);
		if (this.#nextest.wasSeen) this.#text.line(text);
		else this.#stable(text);
	}

	end(): Report {
		this.#text.end();
		if (this.#panic) {
			const { place, message } = this.#panic.found;
			this.#found.diagnose({ level: "error", ...place, message: `panicked: ${message}` });
		}
		const isComplete = this.#json.isComplete || this.#text.isComplete;
		const [errors, warnings] = [this.#found.count("error"), this.#found.count("warning")];
		const tests = this.#nextest.end(this.#filter) ?? this.#libtest.end(this.#filter);
		if (this.recognised && !isComplete && !tests && errors === 0) this.#found.note("the log ends before the build did");
		return this.#found.report({ tests, ...(isComplete && { errors, warnings }) });
	}

	readable(text: string): string | undefined {
		return isCargoJson(text) ? renderedOf(text) : text;
	}

	/** A line of the stable harness, or of cargo around it. */
	#stable(text: string): void {
		this.#binary = /^ +Running (.+) \(/.exec(text)?.[1] ?? this.#binary;
		const wasOpen = this.#libtest.isOpen;
		const death = /^ {2}process didn't exit successfully: .*\((signal: .+|exit .+)\)$/.exec(text);
		if (death && this.#libtest.wasSeen) this.#libtest.died(this.#binary, death[1]!);
		else if (!ownWords.test(text)) this.#libtest.line(text);
		if (wasOpen || this.#libtest.isOpen) return;
		this.#text.line(text);
		this.#outside(text);
	}

	#outside(text: string): void {
		if (text.includes("thread 'main' ")) this.#panic = new PanicReader("main");
		this.#panic?.line(text.trimStart());
	}
}

/** What cargo says between test binaries, by stderr: it may stand in the middle of what they say by stdout. */
const ownWords = /^ +(Running|Doc-tests) \S|^error: (doc)?test failed, to rerun/;

/** Lines that only cargo and its children write. */
const marks = /^running \d+ tests?$|^ +((Compiling|Checking) \S+ v\d|Finished `)|^error\[E\d{4}\]: |^ Nextest run ID /;
