import { wholeOf } from "./amounts.ts";
import { Block, Collector } from "./collect.ts";
import { nothingRan } from "./nothing-ran.ts";
import { Frames, type Place, readPlace } from "./place.ts";
import type { Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";
import { addCounts, ranNone } from "./test-counts.ts";

/** Reads Node's own test runner in its format "spec": counts marked ℹ, then the failing tests, each below a line with its place. */
export class NodeTestParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	/** Of the run whose counts are being told. */
	readonly #counts = new Map<string, number>();
	#tests: TestCounts | undefined;
	#runs = 0;
	#place: Place | undefined;
	#open: Open | undefined;

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
	}

	line(text: string): void {
		const count = text.startsWith("ℹ ") ? /^ℹ (tests|pass|fail|cancelled|skipped|todo) (\d+)$/.exec(text) : null;
		const place = text.startsWith("test at ") ? readPlace(text.slice("test at ".length)) : undefined;
		if (count) this.#count(count[1]!, wholeOf(count[2]));
		else if (place) this.#begin(place);
		else if (this.#place && text.startsWith("✖ ")) this.#name(text, this.#place);
		else if (this.#open) this.#inFailure(this.#open, text);
		this.recognised ||= count !== null;
	}

	end(): Report {
		this.#close();
		this.#add();
		if (ranNone(this.#tests)) this.#found.note(nothingRan({ filter: this.#filter, ignored: this.#tests.ignored }));
		return this.#found.report({ tests: this.#tests });
	}

	/** "tests" is the first count of a run. */
	#count(what: string, amount: number): void {
		if (what === "tests") {
			this.#close();
			this.#add();
			this.#runs += 1;
		}
		this.#counts.set(what, amount);
	}

	#add(): void {
		const of = (word: string): number => this.#counts.get(word) ?? 0;
		if (this.#counts.has("pass") && this.#counts.has("fail"))
			this.#tests = addCounts(this.#tests, {
				passed: of("pass"),
				failed: of("fail") + of("cancelled"),
				ignored: of("skipped") + of("todo"),
			});
		this.#counts.clear();
	}

	#begin(place: Place): void {
		this.#close();
		this.#place = place;
	}

	#name(text: string, place: Place): void {
		this.#place = undefined;
		const test = text.slice(2).replace(/ \([\d.]+ms\)$/, "");
		this.#open = { test, place, message: new Block(), frames: new Frames((file) => file.endsWith(place.file)), isPastMessage: false };
	}

	/** The message is what stands above the stack; below it are the fields of the error. */
	#inFailure(open: Open, text: string): void {
		const frame = /^ +at (?:.+ )?(\(?(?:file:\/\/)?[^()\s]+:\d+:\d+\)?)(?: \{)?$/.exec(text)?.[1];
		const place = frame === undefined ? undefined : readPlace(frame);
		if (place) open.frames.add(place);
		open.isPastMessage ||= place !== undefined;
		if (text !== "" && !text.startsWith(" ")) this.#close();
		else if (!open.isPastMessage) open.message.add(text);
	}

	#close(): void {
		if (this.#open === undefined) return;
		const { test, place, message, frames } = this.#open;
		this.#open = undefined;
		const { nearest } = frames;
		const inTest = nearest?.file.endsWith(place.file) ? { ...nearest, file: place.file } : place;
		this.#found.failed(`${this.#runs}\0${place.file}:${place.line}:${place.col}\0${test}`, {
			test,
			...inTest,
			message: message.text,
		});
	}
}

interface Open {
	readonly test: string;
	readonly place: Place;
	readonly message: Block;
	readonly frames: Frames;
	isPastMessage: boolean;
}
