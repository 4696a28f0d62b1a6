import { writeSync } from "node:fs";
import { jsonSchemaVersion } from "@covey/protocol/versions";

/** Data goes to stdout. One call is one line, or several. */
export function print(text: string): void {
	process.stdout.write(`${text}\n`);
}

/** Talk goes to stderr, at once and in order with the output of a run. */
export function say(text: string): void {
	try {
		writeSync(2, `${text}\n`);
	} catch {
		// Nobody listens any more.
	}
}

/** A `--json` document: a schema version and the data. */
export function printJson(document: object): void {
	print(JSON.stringify({ schema: jsonSchemaVersion, ...document }, undefined, process.stdout.isTTY ? 2 : undefined));
}

export interface Style {
	readonly bold: (text: string) => string;
	readonly dim: (text: string) => string;
	readonly red: (text: string) => string;
	readonly green: (text: string) => string;
	readonly yellow: (text: string) => string;
}

const paint = (on: boolean, code: number) => (text: string) => (on ? `\x1b[${code}m${text}\x1b[0m` : text);

export const createStyle = (colors: boolean): Style => ({
	bold: paint(colors, 1),
	dim: paint(colors, 2),
	red: paint(colors, 31),
	green: paint(colors, 32),
	yellow: paint(colors, 33),
});

/** FORCE_COLOR outranks NO_COLOR, which outranks TERM=dumb and what the stream is. */
export function wantsColor(isTty: boolean, environment: NodeJS.ProcessEnv): boolean {
	const { FORCE_COLOR: force, NO_COLOR: no, TERM: term } = environment;
	if (force !== undefined && force !== "") return force !== "0" && force !== "false";
	if (no !== undefined && no !== "") return false;
	return isTty && term !== "dumb";
}

export const dataStyle = createStyle(wantsColor(process.stdout.isTTY === true, process.env));
export const talkStyle = createStyle(wantsColor(process.stderr.isTTY === true, process.env));
