import { wholeOf } from "./amounts.ts";
/** Where something is said to be. */
export interface Place {
	readonly file: string;
	readonly line?: number;
	readonly col?: number;
}

/** "src/x.ts:3:14", "(src/x.ts:3:14)", "x_test.go:12": undefined when there is no line number. */
export function readPlace(text: string): Place | undefined {
	const found = /^\(?(.+?):(\d{1,7})(?::(\d{1,7}))?\)?$/.exec(text);
	return found ? placeOf(found[1]!, found[2], found[3]) : undefined;
}

export function placeOf(file: string, line: string | undefined, col?: string): Place {
	const [lineNumber, colNumber] = [wholeOf(line), wholeOf(col)];
	return { file, ...(lineNumber > 0 && { line: lineNumber }), ...(lineNumber > 0 && colNumber > 0 && { col: colNumber }) };
}

/**
 * Picks the frame of a stack that a person would open: the first in the test's own file, else the first that belongs to
 * the project.
 */
export class Frames {
	readonly #isTest: (file: string) => boolean;
	#inTest: Place | undefined;
	#inProject: Place | undefined;

	constructor(isTest: (file: string) => boolean) {
		this.#isTest = isTest;
	}

	add(place: Place): void {
		if (foreign.test(place.file)) return;
		this.#inProject ??= place;
		if (this.#isTest(place.file)) this.#inTest ??= place;
	}

	get nearest(): Place | undefined {
		return this.#inTest ?? this.#inProject;
	}
}

/** Files of languages, tools and dependencies. */
const foreign =
	/(^|\/)(node_modules|site-packages|dist-packages)\/|^node:|^internal\/|^<|^\/rustc\/|\/\.cargo\/registry\/|\/go\/src\/|\/lib\/python\d|^\/usr\/|^_testmain\.go$/;
