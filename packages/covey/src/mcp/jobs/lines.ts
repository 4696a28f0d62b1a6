import { reportLimits } from "#mcp/reports/report.ts";

/**
 * Bytes of one stream to lines of text. Invalid UTF-8 becomes U+FFFD. Of a line over the limit the start is kept, so
 * that memory stays bounded whatever comes.
 */
export class Lines {
	readonly #decoder = new TextDecoder("utf-8");
	#rest = "";
	readonly #take: (line: string) => void;

	constructor(take: (line: string) => void) {
		this.#take = take;
	}

	push(data: Uint8Array): void {
		this.#add(this.#decoder.decode(data, { stream: true }));
	}

	end(): void {
		this.#add(this.#decoder.decode());
		if (this.#rest !== "") this.#take(this.#rest);
		this.#rest = "";
	}

	#add(text: string): void {
		let start = 0;
		for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
			const line = this.#rest + text.slice(start, end);
			this.#rest = "";
			start = end + 1;
			this.#take(line.slice(0, reportLimits.lineCharsMax));
		}
		this.#rest = (this.#rest + text.slice(start)).slice(0, reportLimits.lineCharsMax);
	}
}
