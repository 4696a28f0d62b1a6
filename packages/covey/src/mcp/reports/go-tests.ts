import { Block, type Collector } from "./collect.ts";
import { Frames, type Place, placeOf, readPlace } from "./place.ts";
import type { TestCounts } from "./report.ts";

interface GoEvent {
	readonly action: string;
	readonly package: string;
	readonly test: string;
	readonly output: string | undefined;
}

/**
 * The tests of `go test`. What a test printed is kept until its result is known. A test whose subtests tell the failure
 * is not one more failure, nor one more test.
 */
export class GoTests {
	readonly #found: Collector;
	readonly #outputs = new Map<string, Output>();
	readonly #parents = new Set<string>();
	/** Packages in which tests began and whose end has not come; of plain text, which tells the package last, "". */
	readonly #unended = new Set<string>();
	/** Failed tests of the package whose end has not come. */
	#pending: Pending[] = [];
	/** Failures by package; of plain text, which tells the package last, under "". */
	readonly #failuresIn = new Map<string, number>();
	#current: string | undefined;
	#isVerbose = false;
	readonly #counts = { passed: 0, failed: 0, ignored: 0 };

	constructor(found: Collector) {
		this.#found = found;
	}

	/** Known only when passing tests are told, too. */
	get counts(): TestCounts | undefined {
		return this.#isVerbose ? { ...this.#counts } : undefined;
	}

	/** The log ends within a package. */
	get isCut(): boolean {
		return this.#unended.size > 0;
	}

	/** The lines now are a failed test's own. */
	get isReadingOutput(): boolean {
		return this.#current !== undefined;
	}

	/** One line of text. */
	line(text: string): void {
		const mark = /^=== (RUN|NAME|CONT|PAUSE) +(\S+)/.exec(text);
		const result = mark ? null : /^ *--- (PASS|FAIL|SKIP|BENCH): (\S+) \(/.exec(text);
		if (mark) this.#running(mark[2]!);
		else if (result) this.#result(result[1]!, result[2]!);
		else if (text.startsWith("panic: ") || text.startsWith("fatal error: ")) this.#panic(text);
		else if (text === "FAIL" || text === "PASS") this.#current = undefined;
		else if (this.#current !== undefined) this.#output(this.#current).line(text);
	}

	/** One event of `-json`; events of several packages come interleaved. */
	event({ action, package: name, test, output }: GoEvent): void {
		this.#isVerbose = true;
		if (this.#unended.size < outputsMax) this.#unended.add(name);
		const key = `${name} ${test}`;
		if (action === "run") this.#rememberParent(key);
		else if (action === "output" && output !== undefined) {
			if (!/^ *(===|---) /.test(output)) this.#output(key).line(output);
		} else if (action === "pass" || action === "skip") this.#count(key, action === "pass" ? "passed" : "ignored");
		else if (action === "fail") this.#fail(name, test);
		if (action === "pass" || action === "skip" || action === "fail") this.#outputs.delete(key);
	}

	/** Of a package that failed though none of its tests did, that is told itself. */
	packageEnded(name: string, hasFailed: boolean): void {
		for (const { test, output } of this.#withoutParents()) this.#report(name, test, output);
		const failures = (this.#failuresIn.get(name) ?? 0) + (this.#failuresIn.get("") ?? 0);
		if (hasFailed && failures === 0) this.#found.failed(name, { test: name, message: "the package failed, but none of its tests did" });
		for (const { test } of this.#pending) this.#outputs.delete(test);
		this.#pending = [];
		this.#failuresIn.delete(name);
		this.#failuresIn.delete("");
		this.#unended.delete(name);
		this.#unended.delete("");
		this.#current = undefined;
	}

	end(): void {
		for (const { test, output } of this.#withoutParents()) this.#report("", test, output);
	}

	#running(test: string): void {
		this.#isVerbose = true;
		this.#unended.add("");
		this.#current = test;
		this.#rememberParent(test);
	}

	#result(outcome: string, test: string): void {
		this.#current = undefined;
		if (outcome === "FAIL") {
			this.#current = test;
			this.#failureIn("");
			if (this.#count(test, "failed") && this.#pending.length < pendingMax) this.#pending.push({ test, output: this.#output(test) });
		} else if (outcome !== "BENCH") {
			this.#count(test, outcome === "PASS" ? "passed" : "ignored");
			this.#outputs.delete(test);
		}
	}

	/** Of a failed test, of one that was running, or of the program around them. */
	#panic(text: string): void {
		const running = this.#current ?? outsideTests;
		if (this.#pending.length < pendingMax && !this.#pending.some(({ test }) => test === running)) {
			this.#failureIn("");
			this.#pending.push({ test: running, output: this.#output(running) });
		}
		this.#current = running;
		this.#output(running).line(text);
	}

	/** @returns false for a test that has subtests */
	#count(test: string, outcome: "passed" | "failed" | "ignored"): boolean {
		if (this.#parents.delete(test)) return false;
		this.#counts[outcome] += 1;
		return true;
	}

	#rememberParent(test: string): void {
		const slash = test.lastIndexOf("/");
		if (slash > test.indexOf(" ") && this.#parents.size < parentsMax) this.#parents.add(test.slice(0, slash));
	}

	#output(key: string): Output {
		let output = this.#outputs.get(key);
		if (output === undefined) {
			output = new Output();
			if (this.#outputs.size < outputsMax) this.#outputs.set(key, output);
		}
		return output;
	}

	#fail(name: string, test: string): void {
		this.#failureIn(name);
		const key = `${name} ${test}`;
		if (this.#count(key, "failed")) this.#report(name, test, this.#output(key));
	}

	#failureIn(name: string): void {
		if (this.#failuresIn.size < outputsMax) this.#failuresIn.set(name, (this.#failuresIn.get(name) ?? 0) + 1);
	}

	#report(name: string, test: string, output: Output): void {
		const { place, message } = output;
		const running = test === outsideTests ? /running tests:\s+(\S+)/.exec(message)?.[1] : undefined;
		this.#found.failed(`${name} ${test}`, { test: [name, running ?? test].join(" ").trim(), ...place, message });
	}

	/** Plain text tells a parent before its subtests. */
	#withoutParents(): Pending[] {
		return this.#pending.filter(
			({ test, output }) => output.message !== "" || !this.#pending.some((other) => other.test.startsWith(`${test}/`)),
		);
	}
}

/** The name of a failure that belongs to no test. */
const outsideTests = "panic";

const outputsMax = 500;
const pendingMax = 1000;
const parentsMax = 10_000;

interface Pending {
	readonly test: string;
	readonly output: Output;
}

/** What one test printed. */
class Output {
	readonly #block = new Block();
	readonly #frames = new Frames((file) => file.endsWith("_test.go"));
	#logged: Place | undefined;
	#isTrace = false;

	line(text: string): void {
		if (/^goroutine \d+ \[/.test(text)) this.#isTrace = true;
		const frame = this.#isTrace ? /^\t(.+\.go:\d+)(?: \+0x[\da-f]+)?$/.exec(text)?.[1] : undefined;
		const place = frame === undefined ? undefined : readPlace(frame);
		if (place) this.#frames.add(place);
		if (this.#isTrace) return;
		const logged = /^ *(?:Error Trace:\s+)?(\S+\.go):(\d+)(?:: |$)/.exec(text);
		if (logged) this.#logged = placeOf(logged[1]!, logged[2]);
		this.#block.add(text);
	}

	get place(): Place | undefined {
		return this.#frames.nearest ?? this.#logged;
	}

	get message(): string {
		return this.#block.text;
	}
}
