import { wholeOf } from "./amounts.ts";
import { Block, type Collector } from "./collect.ts";
import { type NodeCounts, notMatched } from "./node-counts.ts";
import { printedError, reasonOf } from "./node-file.ts";
import { Frames, readPlace } from "./place.ts";

/**
 * Reads what Node's own runner writes where nobody looks on: TAP version 13. A test is a line "ok 1 - name" or
 * "not ok 1 - name", four spaces deeper in each suite, with a block of YAML below it; then come the counts, as comments.
 * What tests print is a comment, too.
 */
export class NodeTap {
	/** A line was seen that no other writer of TAP writes. */
	recognised = false;
	readonly #found: Collector;
	readonly #counts: NodeCounts;
	#isRunning = false;
	#runs = 0;
	#failed: Failed | undefined;
	/** The error that was printed last, since the last test. */
	#printed: string | undefined;

	constructor(found: Collector, counts: NodeCounts) {
		this.#found = found;
		this.#counts = counts;
	}

	line(text: string): void {
		if (text === "TAP version 13") this.#begin();
		else if (!this.#isRunning) return;
		else if (this.#failed?.isBlock && text === this.#failed.closing) this.#close(this.#failed);
		else if (this.#failed?.isBlock) this.#failed.line(text);
		else if (text.startsWith("# ")) this.#comment(text);
		else if (text === this.#failed?.opening) this.#failed.isBlock = true;
		else this.#test(text);
	}

	/** The log ended before the summary. */
	get endsEarly(): boolean {
		return this.#isRunning;
	}

	#begin(): void {
		this.#counts.endRun();
		this.#failed = undefined;
		this.#isRunning = true;
		this.#runs += 1;
	}

	/** Every test may print such a comment: the last ones are Node's, and "duration_ms" is the end. */
	#comment(text: string): void {
		const count = /^# (tests|suites|pass|fail|cancelled|skipped|todo) (\d+)$/.exec(text);
		if (count) this.#counts.tell(count[1]!, wholeOf(count[2]));
		else this.#printed = printedError(text.slice(2)) ?? this.#printed;
		this.recognised ||= count?.[1] === "suites" || count?.[1] === "cancelled";
		if (!text.startsWith("# duration_ms ") || !this.#counts.isRunComplete) return;
		this.#counts.endRun();
		this.#isRunning = false;
	}

	#test(text: string): void {
		const found = /^( *)(not ok|ok) \d+ - (.*?)(?: # (SKIP|TODO)(?: (.*))?)?$/.exec(text);
		if (!found) return;
		const [, indent = "", verdict, name = "", directive, reason] = found;
		const printed = this.#printed;
		this.#failed = this.#printed = undefined;
		if (directive === "SKIP" && reason === notMatched) this.#counts.passOver();
		if (directive !== undefined) return;
		// Node 20 calls a file that fails by its absolute path.
		const test = this.#found.relative(unescaped(name));
		if (verdict === "not ok") this.#failed = new Failed(test, indent, printed && unescaped(printed));
		else if (indent === "") this.#counts.pass(test);
	}

	#close(failed: Failed): void {
		this.#failed = undefined;
		const { test, type, place, location } = failed;
		const message = reasonOf(failed.message, failed.printed);
		this.recognised ||= type !== "";
		// What failed is told by itself.
		if (type !== "subtestsFailed") this.#found.failed(`${this.#runs}\0${location}\0${test}`, { test, ...place, message });
	}
}

/** Node puts a backslash before what TAP would read otherwise. */
const unescaped = (text: string): string => text.replace(/\\([#\\])/g, "$1");

/** A test that failed, and its block of YAML as Node writes it: one field a line, of longer values deeper lines. */
class Failed {
	readonly test: string;
	readonly printed: string | undefined;
	/** The lines that open and close the block. */
	readonly opening: string;
	readonly closing: string;
	isBlock = false;
	readonly #depth: number;
	readonly #words = new Map<string, string>();
	readonly #blocks: Readonly<Record<string, Block>> = { error: new Block(), expected: new Block(), actual: new Block() };
	readonly #stack: string[] = [];
	#field = "";

	constructor(test: string, indent: string, printed: string | undefined) {
		this.test = test;
		this.printed = printed;
		this.opening = `${indent}  ---`;
		this.closing = `${indent}  ...`;
		this.#depth = indent.length + 2;
	}

	line(text: string): void {
		const field = text[this.#depth] === " " ? null : /^ *(\w+):(?: (.*))?$/.exec(text);
		if (field) this.#begin(field[1]!, field[2] ?? "");
		else if (this.#field === "stack" && this.#stack.length < framesMax) this.#stack.push(text);
		else if (Object.hasOwn(this.#blocks, this.#field)) this.#blocks[this.#field]!.add(text);
	}

	#begin(name: string, value: string): void {
		this.#field = name;
		if (known.has(name) && value !== "" && value !== "|-") this.#words.set(name, unquoted(value));
	}

	get type(): string {
		return this.#words.get("failureType") ?? "";
	}

	get location(): string {
		return this.#words.get("location") ?? "";
	}

	/** The frame in the test's own file, else where the test is. */
	get place() {
		const test = readPlace(this.location);
		const frames = new Frames((file) => test !== undefined && file.endsWith(test.file));
		for (const text of this.#stack) {
			const frame = /\(([^()]+:\d+:\d+)\)$|(\S+:\d+:\d+)$/.exec(text);
			const place = frame ? readPlace(frame[1] ?? frame[2]!) : undefined;
			if (place) frames.add(place);
		}
		const { nearest } = frames;
		if (test === undefined) return nearest;
		return nearest?.file.endsWith(test.file) ? { ...nearest, file: test.file } : test;
	}

	/** As Node writes it for people: the error's name and code, and what it says; both sides where that does not show them. */
	get message(): string {
		const code = this.#words.get("code");
		const name = this.#words.get("name") ?? (this.#stack.length > 0 ? "Error" : undefined);
		const kind = name === undefined ? "" : `${name}${code === undefined || code === ownCode ? "" : ` [${code}]`}: `;
		const [expected, actual] = [this.#value("expected"), this.#value("actual")];
		const isShort = this.#words.has("error");
		const sides = isShort && (expected || actual) ? `\nexpected: ${expected}\nactual: ${actual}` : "";
		return `${kind}${this.#value("error")}${sides}`;
	}

	#value(name: "error" | "expected" | "actual"): string {
		const block = this.#blocks[name]!;
		return this.#words.get(name) ?? (block.isEmpty || name === "error" ? block.text : `\n${block.text}`);
	}
}

const known = new Set(["location", "failureType", "error", "name", "code", "expected", "actual"]);

/** Of errors that have no code of their own. */
const ownCode = "ERR_TEST_FAILURE";

const framesMax = 50;

/** Node quotes text as JavaScript does. */
function unquoted(value: string): string {
	const quoted = /^(['"`])(.*)\1$/.exec(value);
	return quoted ? quoted[2]!.replace(/\\([\\'"`])/g, "$1") : value;
}
