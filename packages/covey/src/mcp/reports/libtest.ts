import { plural, wholeOf } from "./amounts.ts";
import type { Collector } from "./collect.ts";
import { type Idle, nothingRan } from "./nothing-ran.ts";
import { PanicReader } from "./panic.ts";
import { type Place, readPlace } from "./place.ts";
import type { TestCounts } from "./report.ts";

/**
 * Reads the stable text of Rust's test harness: one section per test binary, from "running 3 tests" to "test result:".
 * Within it first the tests' own lines, then the output of those that failed, then their names.
 */
export class Libtest {
	readonly #found: Collector;
	readonly #totals: Totals = { passed: 0, failed: 0, ignored: 0, filtered: 0 };
	/** Sections so far; names are only unique within one. */
	#sections = 0;
	/** The section that is open: what its lines told so far. */
	#section: { readonly announced: number; passed: number; failed: number; ignored: number } | undefined;
	/** The captured output being read. */
	#output: { readonly test: string; readonly panic: PanicReader } | undefined;
	/** With `--nocapture` a panic comes before the test's line. */
	#loose: PanicReader | undefined;
	#looseThread = "";
	/** The test whose line has begun and has no outcome yet: the one that runs, when tests run one at a time. */
	#running: string | undefined;

	constructor(found: Collector) {
		this.#found = found;
	}

	get isOpen(): boolean {
		return this.#section !== undefined;
	}

	/** A test binary said something. */
	get wasSeen(): boolean {
		return this.#sections > 0;
	}

	line(text: string): void {
		const start = /^running (\d+) tests?$/.exec(text);
		if (start) this.#begin(wholeOf(start[1]));
		else if (this.#section) this.#inSection(text);
	}

	/** A test binary died in the middle: which one and how, as cargo tells it. The test that ran takes the blame when it is known. */
	died(binary: string, how: string): void {
		const test = this.#running ?? binary;
		const place = this.#loose?.found.place;
		this.#abandon();
		this.#totals.failed += 1;
		this.#found.failed(this.#key(test), { test, ...place, message: `the test binary died (${how})` });
	}

	end(filter: string | undefined): TestCounts | undefined {
		this.#abandon();
		const { passed, failed, ignored, filtered } = this.#totals;
		if (!this.wasSeen) return undefined;
		const idle: Idle = { filter, passedOver: filtered, ignored };
		if (passed + failed === 0 && this.#found.failures === 0) this.#found.note(nothingRan(idle));
		return { passed, failed, ignored };
	}

	#begin(announced: number): void {
		this.#abandon();
		this.#sections += 1;
		this.#running = undefined;
		this.#loose = undefined;
		this.#section = { announced, passed: 0, failed: 0, ignored: 0 };
	}

	#inSection(text: string): void {
		const head = text.startsWith("---- ") ? /^---- (.+) std(?:out|err) ----$/.exec(text) : null;
		const test = text.startsWith("test ") ? /^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored|bench:)/.exec(text) : null;
		if (text.startsWith("test result: ")) this.#result(text);
		else if (text === "failures:") this.#closeOutput();
		else if (head) this.#openOutput(head[1]!);
		else if (this.#output) this.#output.panic.line(text);
		else if (test) this.#test(test[1]!, test[2]!);
		else this.#looseLine(text);
	}

	#test(test: string, outcome: string): void {
		if (this.#section === undefined) return;
		this.#running = undefined;
		if (outcome === "FAILED") {
			this.#section.failed += 1;
			this.#found.failed(this.#key(test), { test, ...this.#looseOf(test) });
		} else if (outcome === "ignored") this.#section.ignored += 1;
		else this.#section.passed += 1;
	}

	#openOutput(test: string): void {
		this.#closeOutput();
		this.#output = { test, panic: new PanicReader(test) };
	}

	#closeOutput(): void {
		if (this.#output === undefined) return;
		const { test, panic } = this.#output;
		const { place, message } = panic.found;
		this.#found.failed(this.#key(test), { test, ...(docTestPlace(test) ?? place), message });
		this.#output = undefined;
	}

	#result(text: string): void {
		this.#closeOutput();
		const counts = [...text.matchAll(/(\d+) (passed|failed|ignored|filtered)/g)];
		for (const [, amount, what] of counts) this.#totals[what as keyof Totals] += wholeOf(amount);
		this.#section = undefined;
	}

	/** The section ends without its result: what its lines told is all that is known. */
	#abandon(): void {
		this.#closeOutput();
		const section = this.#section;
		if (section === undefined) return;
		this.#section = undefined;
		const { announced, passed, failed, ignored } = section;
		for (const what of ["passed", "failed", "ignored"] as const) this.#totals[what] += section[what];
		const silent = announced - passed - failed - ignored;
		const lost = silent > 0 ? `: of ${plural(announced, "test")} ${silent} did not report` : "";
		this.#found.note(`a test binary, or the log, ended before the summary${lost}`);
	}

	#looseLine(text: string): void {
		this.#running = /^test (.+?) \.\.\. /.exec(text)?.[1] ?? this.#running;
		const thread = /^thread '(.*?)'.* panicked at /.exec(text)?.[1];
		if (thread !== undefined) {
			this.#loose = new PanicReader(thread);
			this.#looseThread = thread;
		}
		this.#loose?.line(text);
	}

	#looseOf(test: string): Partial<Place> & { readonly message?: string } {
		if (this.#loose === undefined || this.#looseThread !== test) return {};
		const { place, message } = this.#loose.found;
		this.#loose = undefined;
		return { ...place, message };
	}

	#key(test: string): string {
		return `${this.#sections}\0${test}`;
	}
}

type Totals = Record<"passed" | "failed" | "ignored" | "filtered", number>;

/** "src/lib.rs - add (line 10)": the panic's own place is inside a program that rustdoc made. */
function docTestPlace(test: string): Place | undefined {
	const found = /^(\S+\.(?:rs|md)) - .*\(line (\d+)\)/.exec(test);
	return found ? readPlace(`${found[1]}:${found[2]}`) : undefined;
}
