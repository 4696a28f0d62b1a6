import { wholeOf } from "./amounts.ts";
import { Block, Collector } from "./collect.ts";
import { NodeCounts, notMatched } from "./node-counts.ts";
import { printedError, reasonOf } from "./node-file.ts";
import { NodeTap } from "./node-tap.ts";
import { endsEarly } from "./nothing-ran.ts";
import { Frames, type Place, readPlace } from "./place.ts";
import type { Report, ReportOptions, ToolParser } from "./report.ts";

/**
 * Reads Node's own test runner: TAP, which versions before 23 write when stdout is no terminal, and the format "spec":
 * the tests, counts marked ℹ, then the failing tests, each below a line with its place.
 */
export class NodeTestParser implements ToolParser {
	readonly #found: Collector;
	readonly #counts: NodeCounts;
	readonly #tap: NodeTap;
	#isSpec = false;
	#runs = 0;
	#place: Place | undefined;
	#open: Open | undefined;
	/** The error that was printed last, since the last test; and those before the files that failed. */
	#printed: string | undefined;
	readonly #printedBy = new Map<string, string>();

	constructor(options: ReportOptions = {}) {
		this.#found = new Collector(options);
		this.#counts = new NodeCounts(options.filter);
		this.#tap = new NodeTap(this.#found, this.#counts);
	}

	get recognised(): boolean {
		return this.#isSpec || this.#tap.recognised;
	}

	line(text: string): void {
		this.#tap.line(text);
		const count = text.startsWith("ℹ ") ? /^ℹ (tests|pass|fail|cancelled|skipped|todo) (\d+)$/.exec(text) : null;
		const place = text.startsWith("test at ") ? readPlace(text.slice("test at ".length)) : undefined;
		if (count) this.#count(count[1]!, wholeOf(count[2]));
		else if (place) this.#begin(place);
		else if (this.#place && text.startsWith("✖ ")) this.#name(text, this.#place);
		else if (this.#open && /^( |$)/.test(text)) this.#inFailure(this.#open, text);
		else this.#inTree(text);
	}

	end(): Report {
		this.#close();
		this.#counts.endRun();
		const { tests, note } = this.#counts;
		if (this.#tap.endsEarly) this.#found.note(endsEarly());
		else if (note !== undefined) this.#found.note(note);
		return this.#found.report({ tests });
	}

	/** The tests come before their counts, and what a test file prints before its tests. */
	#inTree(text: string): void {
		this.#close();
		const printed = this.#printed;
		this.#printed = /^[✔✖▶] /.test(text) ? undefined : (printedError(text) ?? printed);
		if (printed !== undefined && text.startsWith("✖ ") && this.#printedBy.size < filesMax) this.#printedBy.set(nameOf(text), printed);
		if (text.startsWith("✔ ")) this.#counts.pass(nameOf(text));
		else if (text.endsWith(` # ${notMatched}`) && /^ *﹣ /.test(text)) this.#counts.passOver();
	}

	/** "tests" is the first count of a run, "todo" the last: the tests below are of the next run. */
	#count(what: string, amount: number): void {
		this.#isSpec = true;
		if (what === "tests") {
			this.#close();
			this.#runs += 1;
		}
		this.#counts.tell(what, amount);
		if (what === "todo") this.#counts.endRun();
	}

	#begin(place: Place): void {
		this.#close();
		this.#place = place;
	}

	#name(text: string, place: Place): void {
		this.#place = undefined;
		this.#open = {
			test: nameOf(text),
			place,
			message: new Block(),
			frames: new Frames((file) => file.endsWith(place.file)),
			isPastMessage: false,
		};
	}

	/** The message is what stands above the stack; below it are the fields of the error. */
	#inFailure(open: Open, text: string): void {
		const frame = /^ +at (?:.+ )?(\(?(?:file:\/\/)?[^()\s]+:\d+:\d+\)?)(?: \{)?$/.exec(text)?.[1];
		const place = frame === undefined ? undefined : readPlace(frame);
		if (place) open.frames.add(place);
		open.isPastMessage ||= place !== undefined;
		if (!open.isPastMessage) open.message.add(text);
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
			message: reasonOf(message.text, this.#printedBy.get(test)),
		});
	}
}

/** Of which a printed error is remembered. */
const filesMax = 200;

/** Of a line that tells a test, without mark and duration. */
const nameOf = (text: string): string => text.slice(2).replace(/ \([\d.]+ms\)$/, "");

interface Open {
	readonly test: string;
	readonly place: Place;
	readonly message: Block;
	readonly frames: Frames;
	isPastMessage: boolean;
}
