import { Block } from "./collect.ts";
import { Frames, type Place, readPlace } from "./place.ts";

export interface Panic {
	readonly place: Place | undefined;
	readonly message: string;
}

/**
 * Reads the output of one Rust test and finds the panic that failed it: that of the test's own thread before that of
 * another one. A test that failed without a panic said why in its output.
 */
export class PanicReader {
	readonly #thread: string | undefined;
	readonly #output = new Block();
	#panic: { readonly thread: string; readonly place: Place | undefined; readonly message: Block; readonly frames: Frames } | undefined;
	/** The lines that come next are the panic's message, its backtrace, or neither. */
	#reading: "message" | "backtrace" | undefined;

	constructor(thread?: string) {
		this.#thread = thread;
	}

	line(text: string): void {
		this.#output.add(text);
		const head = text.startsWith("thread '") ? panicHead(text) : undefined;
		if (head) this.#open(head);
		else if (/^note: run with|^note: Some details|^note: process/.test(text)) this.#reading = undefined;
		else if (text === "stack backtrace:") this.#reading = "backtrace";
		else if (this.#reading === "message") this.#panic?.message.add(text);
		else if (this.#reading === "backtrace") this.#frame(text);
	}

	get found(): Panic {
		if (this.#panic === undefined) return { place: placeInText(this.#output.text), message: this.#output.text };
		const { place, message, frames } = this.#panic;
		const outside = place === undefined || place.file.startsWith("/");
		return { place: (outside ? frames.nearest : undefined) ?? place, message: message.text };
	}

	#open({ thread, place, message }: PanicHead): void {
		const isBetter = this.#panic === undefined || (thread === this.#thread && this.#panic.thread !== this.#thread);
		this.#reading = isBetter ? "message" : undefined;
		if (!isBetter) return;
		this.#panic = { thread, place: readPlace(place), message: new Block(), frames: new Frames(() => true) };
		if (message !== undefined) this.#panic.message.add(message);
	}

	#frame(text: string): void {
		const place = /^\s+at (.+)$/.exec(text)?.[1];
		const read = place === undefined ? undefined : readPlace(place);
		if (read) this.#panic?.frames.add(read);
	}
}

interface PanicHead {
	readonly thread: string;
	readonly place: string;
	readonly message?: string;
}

/** `thread 'x' (12) panicked at src/x.rs:1:2:` with the message below it; before Rust 1.73 `… panicked at 'message', src/x.rs:1:2`. */
function panicHead(text: string): PanicHead | undefined {
	const now = /^thread '(.*?)'(?: \(\d+\))? panicked at ([^'].*:\d+:\d+):$/.exec(text);
	if (now) return { thread: now[1]!, place: now[2]! };
	const before = /^thread '(.*?)' panicked at '(.*)', (.+:\d+:\d+)$/.exec(text);
	return before ? { thread: before[1]!, place: before[3]!, message: before[2]! } : undefined;
}

function placeInText(text: string): Place | undefined {
	const place = / at (\S+\.rs:\d+:\d+)$/m.exec(text)?.[1];
	return place === undefined ? undefined : readPlace(place);
}
