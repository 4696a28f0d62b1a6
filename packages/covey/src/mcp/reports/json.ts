import { cleanLine } from "./clean-line.ts";

/** Lines of JSON from a stranger: read without trust, and never with an exception. */
export type Fields = Readonly<Record<string, unknown>>;

/** @returns undefined when it is no JSON */
export function readJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** Something else has no fields. */
export function fieldsOf(value: unknown): Fields {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function itemsOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}

/** Cleaned line by line: what JSON wrote as `\u001b` passed the cleaning of the line it stood in. */
export function textOf(value: unknown): string | undefined {
	return typeof value === "string" ? value.split("\n").map(cleanLine).join("\n") : undefined;
}

/** A count or a position: whole and not negative. */
export function numberOf(value: unknown): number | undefined {
	return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
