import { plural, wholeOf } from "./amounts.ts";
import type { Collector } from "./collect.ts";
import { placeOf } from "./place.ts";
import type { Diagnostic } from "./report.ts";

/** Reads what rustc and cargo write for people. Each diagnostic is a paragraph: head, place, source, notes, help. */
export class RustcText {
	readonly #found: Collector;
	#open: Diagnostic | undefined;
	#causes = 0;
	/** Cargo said that the build ended, well or badly: from then on the counts are known. */
	isComplete = false;

	constructor(found: Collector) {
		this.#found = found;
	}

	line(text: string): void {
		const head = text.startsWith("error") || text.startsWith("warning") ? diagnosticHead.exec(text) : null;
		if (head) this.#head(head[1] === "warning" ? "warning" : "error", head[2], head[3]!);
		else if (text.startsWith("    Finished `")) this.isComplete = true;
		else if (this.#open) this.#body(this.#open, text);
	}

	/** Closes the last paragraph. */
	end(): void {
		if (this.#open !== undefined) this.#found.diagnose(this.#open);
		this.#open = undefined;
	}

	#head(level: Diagnostic["level"], code: string | undefined, message: string): void {
		this.end();
		this.#causes = 0;
		if (message.startsWith("could not compile")) this.isComplete = true;
		const unrun = /^(\d+)\/(\d+) tests were not run/.exec(message);
		if (unrun) this.#found.note(`${plural(wholeOf(unrun[1]), "test")} of ${unrun[2]} did not run, because another failed`);
		else if (!summaries.test(message)) this.#open = { level, message, ...(code !== undefined && { code }) };
	}

	#body(open: Diagnostic, text: string): void {
		const place = open.file === undefined ? /^ *--> (.+?):(\d+):(\d+)$/.exec(text) : null;
		const lint = /^ *= note: `#\[(?:warn|deny|forbid)\(([\w:]+)\)\]/.exec(text)?.[1];
		if (place) this.#open = { ...open, ...placeOf(place[1]!, place[2], place[3]) };
		else if (lint !== undefined) this.#open = { ...open, code: open.code ?? lint };
		else if (text.startsWith("help: ")) this.#open = { ...open, suggestion: open.suggestion ?? text.slice("help: ".length) };
		else if (text === "Caused by:") this.#causes = causeLinesMax;
		else if (this.#causes > 0 && text.startsWith("  ")) {
			this.#causes -= 1;
			this.#open = { ...open, message: `${open.message}\n${text.trim()}` };
		}
	}
}

const causeLinesMax = 6;

const diagnosticHead = /^(error|warning)(?:\[([\w:]+)\])?: (.+)$/;

/** Sums of what was told before. */
const summaries =
	/^could not compile|^aborting due to|^build failed, waiting|^(doc)?test failed, to rerun|^\d+ targets? failed|^`.+` \(.+\) generated \d+ warning|^\d+ warnings? emitted|^test run failed|^no tests to run/;
