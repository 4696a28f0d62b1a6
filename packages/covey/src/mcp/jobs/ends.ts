import { mcpLimits } from "#mcp/limits.ts";

/** The two ends of a text that may be endless: bounded memory, and a count of what stood between. */
export class Ends {
	readonly #head: string[] = [];
	readonly #tail: string[] = [];
	#headChars = 0;
	#tailChars = 0;
	#tailStart = 0;
	lines = 0;

	push(line: string): void {
		this.lines++;
		if (this.#tail.length === 0 && this.#head.length < mcpLimits.headLinesMax && this.#headChars + line.length <= mcpLimits.headCharsMax) {
			this.#head.push(line);
			this.#headChars += line.length;
			return;
		}
		this.#tail.push(line);
		this.#tailChars += line.length;
		while (this.#tail.length - this.#tailStart > mcpLimits.tailLinesMax || this.#tailChars > mcpLimits.tailCharsMax) {
			const oldest = this.#tail[this.#tailStart] as string;
			if (this.#tail.length - this.#tailStart === 1) {
				this.#tail[this.#tailStart] = oldest.slice(0, mcpLimits.tailCharsMax);
				this.#tailChars = this.#tail[this.#tailStart]?.length ?? 0;
				break;
			}
			this.#tailChars -= oldest.length;
			this.#tail[this.#tailStart++] = "";
		}
		if (this.#tailStart < 1024) return;
		this.#tail.splice(0, this.#tailStart);
		this.#tailStart = 0;
	}

	get last(): string | undefined {
		return this.#tail.at(-1) ?? this.#head.at(-1);
	}

	/** The last lines, at most so many and so long. */
	tail(lines: number, chars: number): string[] {
		const all = [...this.#head, ...this.#tail.slice(this.#tailStart)];
		const kept: string[] = [];
		let sum = 0;
		for (const line of all.slice(-lines).reverse()) {
			sum += line.length + 1;
			if (sum > chars && kept.length > 0) break;
			kept.unshift(line.length > chars ? `${line.slice(0, chars)}…` : line);
		}
		return kept;
	}

	/** Head and tail within a budget, with a line that says what was left out between. */
	both(chars: number): { readonly text: string; readonly leftOut: number } {
		const tail = this.#tail.slice(this.#tailStart);
		const whole = [...this.#head, ...tail];
		const dropped = this.lines - whole.length;
		if (dropped === 0 && sizeOf(whole) <= chars) return { text: whole.join("\n"), leftOut: 0 };
		const head: string[] = [];
		let room = Math.floor(chars / 3);
		for (const line of this.#head) {
			room -= line.length + 1;
			if (room < 0) break;
			head.push(line);
		}
		const rest = this.tail(Math.max(0, whole.length - head.length), chars - sizeOf(head));
		const leftOut = this.lines - head.length - rest.length;
		return { text: [...head, `… ${leftOut} lines left out …`, ...rest].join("\n"), leftOut };
	}
}

const sizeOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length + 1, 0);
