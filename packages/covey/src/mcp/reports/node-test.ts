import { wholeOf } from "./amounts.ts";
import { Block, Collector } from "./collect.ts";
import { endsEarly, nothingRan } from "./nothing-ran.ts";
import { Frames, type Place, readPlace } from "./place.ts";
import type { Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";

/** Reads Node's own test runner in its format "spec": counts marked ℹ, then the failing tests, each below a line with its place. */
export class NodeTestParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	readonly #counts = new Map<string, number>();
	#place: Place | undefined;
	#open: Open | undefined;

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
	}

	line(text: string): void {
		const count = text.startsWith("ℹ ") ? /^ℹ (tests|pass|fail|cancelled|skipped|todo) (\d+)$/.exec(text) : null;
		const place = text.startsWith("test at ") ? readPlace(text.slice("test at ".length)) : undefined;
		if (count) this.#counts.set(count[1]!, wholeOf(count[2]));
		else if (place) this.#begin(place);
		else if (this.#place && text.startsWith("✖ ")) this.#name(text, this.#place);
		else if (this.#open) this.#inFailure(this.#open, text);
		this.recognised ||= count !== null;
	}

	end(): Report {
		this.#close();
		const tests = this.#tests;
		if (this.recognised && !tests) this.#found.note(endsEarly);
		if (tests && tests.passed + tests.failed === 0) this.#found.note(nothingRan({ filter: this.#filter, ignored: tests.ignored }));
		return this.#found.report({ tests });
	}

	get #tests(): TestCounts | undefined {
		const of = (word: string): number => this.#counts.get(word) ?? 0;
		if (!this.#counts.has("pass") || !this.#counts.has("fail")) return undefined;
		return { passed: of("pass"), failed: of("fail") + of("cancelled"), ignored: of("skipped") + of("todo") };
	}

	#begin(place: Place): void {
		this.#close();
		this.#place = place;
	}

	#name(text: string, place: Place): void {
		this.#place = undefined;
		const test = text.slice(2).replace(/ \([\d.]+ms\)$/, "");
		this.#open = { test, place, message: new Block(), frames: new Frames((file) => file.endsWith(place.file)) };
	}

	#inFailure({ message, frames }: Open, text: string): void {
		const frame = /^ +at (?:.+ )?(\(?(?:file:\/\/)?[^()\s]+:\d+:\d+\)?)(?: \{)?$/.exec(text)?.[1];
		const place = frame === undefined ? undefined : readPlace(frame);
		if (place) frames.add(place);
		else message.add(text);
	}

	#close(): void {
		if (this.#open === undefined) return;
		const { test, place, message, frames } = this.#open;
		this.#open = undefined;
		const { nearest } = frames;
		const inTest = nearest?.file.endsWith(place.file) ? { ...nearest, file: place.file } : place;
		this.#found.failed(`${place.file}:${place.line}:${place.col}\0${test}`, {
			test,
			...inTest,
			message: message.text.split("\n  generatedMessage:", 1)[0]!,
		});
	}
}

interface Open {
	readonly test: string;
	readonly place: Place;
	readonly message: Block;
	readonly frames: Frames;
}
