import { amountOf, wholeOf } from "./amounts.ts";
import type { Collector } from "./collect.ts";
import { endsEarly, nothingRan } from "./nothing-ran.ts";
import { PanicReader } from "./panic.ts";
import type { Place } from "./place.ts";
import { reportLimits, type TestCounts } from "./report.ts";
import { addCounts, ranNone } from "./test-counts.ts";

/** Reads the text of cargo-nextest: a line per test, below it the output of one that failed, and a summary that repeats the failed ones. */
export class Nextest {
	readonly #found: Collector;
	#wasSeen = false;
	#isRunning = false;
	#counts: TestCounts | undefined;
	#skipped = 0;
	/** What tests told that were tried again. */
	readonly #tries = new Map<string, Partial<Place> & { readonly message: string }>();
	#current: { readonly test: string; readonly key: string; readonly status: string; readonly panic: PanicReader } | undefined;

	constructor(found: Collector) {
		this.#found = found;
	}

	get wasSeen(): boolean {
		return this.#wasSeen;
	}

	line(text: string): void {
		const isIndented = text.startsWith(" ");
		const status = isIndented ? statusLine.exec(text) : null;
		const start = isIndented ? /^ +Starting (\d+) tests? across \d+ binar(?:y|ies)(?: \((\d+) tests? skipped)?/.exec(text) : null;
		const summary = isIndented ? /^ +Summary \[.*?\] +(?:\d+\/)?\d+ tests? run: (.+)$/.exec(text) : null;
		if (status) this.#status(status[1]!, status[2]!, status[3]!);
		else if (start) this.#start(wholeOf(start[2]));
		else if (summary) this.#summary(summary[1]!);
		else if (this.#current && !harness.test(text) && text.trim() !== this.#current.test)
			this.#current.panic.line(text.replace(/^ {4}/, ""));
	}

	end(filter: string | undefined): TestCounts | undefined {
		this.#close();
		if (!this.#wasSeen) return undefined;
		if (this.#isRunning) this.#found.note(endsEarly(this.#counts));
		if (ranNone(this.#counts)) this.#found.note(nothingRan({ filter, passedOver: this.#skipped }));
		return this.#counts;
	}

	#start(skipped: number): void {
		this.#wasSeen = this.#isRunning = true;
		this.#skipped += skipped;
	}

	#status(status: string, binary: string, test: string): void {
		this.#close();
		this.#wasSeen = true;
		if (passing.test(status)) return;
		const key = `${binary}\0${test}`;
		const tried = this.#tries.get(key);
		if (!this.#isRunning) this.#found.failed(key, { test, message: `ended with ${outcomeOf(status)}`, ...tried });
		else this.#current = { test, key, status, panic: new PanicReader(test) };
	}

	/** A try that failed is a failure only when the summary repeats it: a later one may have passed. */
	#close(): void {
		if (this.#current === undefined) return;
		const { test, key, status, panic } = this.#current;
		this.#current = undefined;
		const { place, message } = panic.found;
		const ending = status.endsWith("FAIL") ? "" : `ended with ${outcomeOf(status)}`;
		const told = { ...place, message: [ending, message].filter((line) => line !== "").join("\n") };
		if (!status.startsWith("TRY ")) this.#found.failed(key, { test, ...told });
		else if (this.#tries.size < reportLimits.failuresMax) this.#tries.set(key, told);
	}

	#summary(text: string): void {
		this.#close();
		this.#isRunning = false;
		const amount = (word: string): number => amountOf(text, word);
		this.#counts = addCounts(this.#counts, {
			passed: amount("passed"),
			failed: amount("failed") + amount("timed out") + amount("exec failed"),
			ignored: amount("skipped"),
		});
	}
}

/** What the harness in the test's process says of itself. */
const harness = /^ *(running 1 test|test .* \.\.\. FAILED|failures:|---- .* std(out|err) ----|test result: .*|std(out|err) ─+)$/;

/** `        FAIL [   0.080s] (3/9) shop price::tests::parses_cents` */
const statusLine = /^ +((?:TRY \d+ )?[A-Z][A-Z-]+(?: \d+\/\d+)?) \[ *>?[\d.]+s\] (?:\((?: *\d+\/\d+|─+)\) +)?(\S+) (.+)$/;
const passing = /^(PASS|LEAK|FLAKY|SLOW|TRY \d+ (PASS|SLOW)|SKIP)/;

/** "ABRT" of "TRY 2 ABRT". */
const outcomeOf = (status: string): string => status.replace(/^TRY \d+ /, "");
