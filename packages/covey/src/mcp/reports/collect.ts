import { type Diagnostic, type Failure, type Report, type ReportOptions, reportLimits, type TestCounts } from "./report.ts";

/** What is known of a failed test so far. A log tells a failure in pieces: a name here, the assertion there, a list at the end. */
export type FailurePiece = Partial<Failure> & Pick<Failure, "test">;

/** What a log's summary counted. Absent is unknown. */
export interface Counted {
	readonly tests?: TestCounts | undefined;
	readonly errors?: number | undefined;
	readonly warnings?: number | undefined;
}

/**
 * Gathers the findings of one log within `reportLimits`, each once however often the log repeats it, and counts what
 * no longer fits.
 */
export class Collector {
	/** Where the command ran, or else the tools: paths below it become relative to it. */
	#root: string | undefined;
	readonly #isRootKnown: boolean;
	readonly #failures = new Map<string, FailurePiece>();
	readonly #failuresLeftOut = new Keys();
	readonly #diagnostics: Diagnostic[] = [];
	readonly #diagnosticsSeen = new Keys();
	readonly #diagnosticsLeftOut = new Map<string, number>();
	readonly #levels = { error: 0, warning: 0 };
	readonly #notes = new Set<string>();

	constructor(options: ReportOptions = {}) {
		this.#root = options.root?.replace(/\/*$/, "/");
		this.#isRootKnown = options.root !== undefined;
	}

	/** A tool tells the directory in which it ran. Of several directories what they share stands for where the command ran. */
	ranIn(directory: string): void {
		if (!this.#isRootKnown) this.#root = sharedDirectory(this.#root, directory.replace(/\/*$/, "/"));
	}

	/**
	 * A piece of a failure; pieces of one `key` are one failure. What was said first stands, but for the name: the last
	 * one is the fullest.
	 */
	failed(key: string, piece: FailurePiece): void {
		const known = this.#failures.get(key);
		if (known) this.#failures.set(key, joined(known, present(piece)));
		else if (this.#failures.size < reportLimits.failuresMax) this.#failures.set(key, present(piece));
		else this.#failuresLeftOut.add(key);
	}

	knows(key: string): boolean {
		return this.#failures.has(key) || this.#failuresLeftOut.has(key);
	}

	diagnose(diagnostic: Diagnostic): void {
		const { level, code, file, line, col, message } = diagnostic;
		if (!this.#diagnosticsSeen.add([level, code, file, line, col, message].join("\0"))) return;
		this.#levels[level] += 1;
		if (this.#diagnostics.length < reportLimits.diagnosticsMax) {
			const suggestion = diagnostic.suggestion === undefined ? undefined : cut(diagnostic.suggestion);
			this.#diagnostics.push({ ...present(diagnostic), level, message: cut(message), ...(suggestion !== undefined && { suggestion }) });
		} else {
			const group = code ?? level;
			const known = this.#diagnosticsLeftOut.has(group) || this.#diagnosticsLeftOut.size < reportLimits.diagnosticsMax;
			const name = known ? group : level;
			this.#diagnosticsLeftOut.set(name, (this.#diagnosticsLeftOut.get(name) ?? 0) + 1);
		}
	}

	/** A sentence to be said aloud, once. */
	note(sentence: string): void {
		if (this.#notes.size < notesMax) this.#notes.add(cut(sentence));
	}

	get failures(): number {
		return this.#failures.size;
	}

	/** Diagnostics of a level, each counted once. */
	count(level: Diagnostic["level"]): number {
		return this.#levels[level];
	}

	/** A path as it is called in the worktree, as far as is known where that is. */
	relative(path: string): string {
		return this.#root !== undefined && path.startsWith(this.#root) ? path.slice(this.#root.length) : path.replace(checkedOut, "");
	}

	/** Counts that the log did not tell are those of the diagnostics seen; when there are none, they stay unknown. */
	report(counted: Counted = {}): Report {
		const errors = counted.errors ?? (this.#levels.error || undefined);
		const warnings = counted.warnings ?? (this.#levels.warning || undefined);
		return {
			...(counted.tests && { tests: counted.tests }),
			failures: [...this.#failures.values()].map((piece) => this.#placed({ ...piece, message: cut(piece.message ?? "") })),
			diagnostics: this.#diagnostics.map((diagnostic) => this.#placed(diagnostic)),
			...(errors !== undefined && { errors }),
			...(warnings !== undefined && { warnings }),
			leftOut: { failures: this.#failuresLeftOut.count, diagnostics: Object.fromEntries(this.#diagnosticsLeftOut) },
			notes: [...this.#notes],
		};
	}

	#placed<Found extends { readonly file?: string }>(found: Found): Found {
		const { file } = found;
		if (file === undefined) return found;
		return { ...found, file: this.relative(file.replace(/^file:\/\//, "").replace(/^\.\//, "")) };
	}
}

/** Where a worker puts a worktree. Tools that tell absolute paths need not tell where they ran. */
const checkedOut = /^\/.+?\/[0-9a-z]{6,}-\d+\/files\//;

function sharedDirectory(known: string | undefined, other: string): string {
	if (known === undefined) return other;
	let end = 0;
	while (end < known.length && known[end] === other[end]) end += 1;
	return known.slice(0, known.lastIndexOf("/", end - 1) + 1);
}

/** File, line and column are one word: those of two places do not mix. */
function joined(known: FailurePiece, piece: FailurePiece): FailurePiece {
	const { file, line, col, ...rest } = piece;
	const place = known.file === undefined || (known.file === file && known.line === undefined) ? present({ file, line, col }) : {};
	return { ...rest, ...known, ...(known.message ? {} : rest), ...place, test: piece.test };
}

/** The lines of one message: bounded, without blank edges and common indent. */
export class Block {
	readonly #lines: string[] = [];
	#chars = 0;

	add(line: string): void {
		if (this.#chars > reportLimits.messageCharsMax || (this.#lines.length === 0 && line.trim() === "")) return;
		this.#lines.push(line);
		this.#chars += line.length + 1;
	}

	get isEmpty(): boolean {
		return this.#lines.length === 0;
	}

	get text(): string {
		const indents = this.#lines.filter((line) => line.trim() !== "").map((line) => line.search(/\S/));
		const indent = Math.min(...indents, 200);
		return cut(
			this.#lines
				.map((line) => line.slice(indent).trimEnd())
				.join("\n")
				.trimEnd(),
		);
	}
}

/** Names that were seen. Of more than fit, each is taken for a new one. */
class Keys {
	count = 0;
	readonly #seen = new Set<string>();

	has(key: string): boolean {
		return this.#seen.has(key.slice(0, keyCharsMax));
	}

	/** @returns false when it was seen before */
	add(key: string): boolean {
		const short = key.slice(0, keyCharsMax);
		if (this.#seen.has(short)) return false;
		if (this.#seen.size < keysMax) this.#seen.add(short);
		this.count += 1;
		return true;
	}
}

const keysMax = 10_000;
const keyCharsMax = 300;
const notesMax = 20;

/** The start of a text that is too long, marked as cut. */
export function cut(text: string): string {
	return text.length <= reportLimits.messageCharsMax ? text : `${text.slice(0, reportLimits.messageCharsMax - cutMark.length)}${cutMark}`;
}

const cutMark = " … cut";

/** Without the fields that are undefined: unknown is absent. */
export function present<Fields extends object>(fields: Fields): Fields {
	return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
}
