import { Block, type Collector } from "./collect.ts";
import { Frames, type Place, readPlace } from "./place.ts";
import type { Diagnostic } from "./report.ts";

/** The exception that failed a test of the JVM: the message above its frames, and the frame in the test's own class. */
export class JavaException {
	readonly #block = new Block();
	readonly #frames: Frames;
	#isStack = false;

	/** @param testClass its name, with or without the package */
	constructor(testClass: string) {
		const simple = testClass.split(".").at(-1)!.split("$")[0]!;
		this.#frames = new Frames((file) => file.replace(/\.\w+$/, "") === simple);
	}

	line(text: string): void {
		const frame = javaFrame(text);
		if (frame && !framework.test(frame.of)) this.#frames.add(frame.place);
		if (frame || /^\s+\.\.\. \d+ (more|common frames)/.test(text)) this.#isStack = true;
		else if (!this.#isStack) this.#block.add(text);
	}

	get place(): Place | undefined {
		return this.#frames.nearest;
	}

	get message(): string {
		return this.#block.text;
	}
}

/** `	at shop.PriceTest.parsesCents(PriceTest.java:10)` */
function javaFrame(text: string): { readonly of: string; readonly place: Place } | undefined {
	const found = /^\s+at (?:[\w.@-]+\/\/?)?([\w.$<>]+)\((.+?)\)$/.exec(text);
	if (!found) return undefined;
	return { of: found[1]!, place: readPlace(found[2]!) ?? { file: "<unknown>" } };
}

/** Holds a message of javac until its next lines are read: they tell which symbol it is that cannot be found. */
export class Javac {
	readonly #found: Collector;
	#open: Diagnostic | undefined;

	constructor(found: Collector) {
		this.#found = found;
	}

	diagnose(diagnostic: Diagnostic): void {
		this.end();
		this.#open = diagnostic;
	}

	/** A line below the message. */
	line(text: string): void {
		const symbol = this.#open && text.startsWith("  ") ? /^ +symbol: +(.+)$/.exec(text)?.[1] : undefined;
		if (this.#open && symbol !== undefined) this.#open = { ...this.#open, message: `${this.#open.message}: ${symbol}` };
	}

	end(): void {
		if (this.#open) this.#found.diagnose(this.#open);
		this.#open = undefined;
	}
}

/** Frames of the language and of the tools around a test. */
const framework =
	/^(java|javax|jdk|sun|com\.sun|kotlin|scala|groovy|org\.(junit|opentest4j|testng|hamcrest|assertj|mockito|gradle|apache\.maven|codehaus|spockframework))\./;
