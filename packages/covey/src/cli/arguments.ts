import { CoveyError } from "@covey/protocol/errors";
import { parseDuration } from "#kit/duration.ts";

/** Readers of option values. Each throws CoveyError `bad_request` that names the value. */
export function duration(text: string): number {
	const ms = parseDuration(text);
	if (ms === undefined)
		throw new CoveyError("bad_request", `${JSON.stringify(text)} is no duration`, { hint: "write it as in 90s, 5m or 1h30m" });
	return ms;
}

export function integer(text: string): number {
	if (!/^-?\d{1,15}$/.test(text)) throw new CoveyError("bad_request", `${JSON.stringify(text)} is no whole number`);
	return Number(text);
}

/** A whole number in a range, both ends of which are in it. */
export const within =
	(min: number, max: number) =>
	(text: string): number => {
		const number = integer(text);
		if (number < min || number > max) throw new CoveyError("bad_request", `${text} is not between ${min} and ${max}`);
		return number;
	};

/** Repeated, or separated by commas. */
export function list(text: string, previous: readonly string[] = []): readonly string[] {
	return [...previous, ...text.split(",").filter((item) => item !== "")];
}

/** Repeated; taken as they are. */
export function repeated(text: string, previous: readonly string[] = []): readonly string[] {
	return [...previous, text];
}

/** `key=value`, repeated. */
export function pairs(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
	const equals = text.indexOf("=");
	if (equals < 1) throw new CoveyError("bad_request", `${JSON.stringify(text)} is no key=value`, { hint: "as in gpu=yes" });
	return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** One of a few words. */
export const oneOf =
	<T extends string>(...words: readonly T[]) =>
	(text: string): T => {
		if (!words.includes(text as T)) throw new CoveyError("bad_request", `${JSON.stringify(text)} is none of ${words.join(", ")}`);
		return text as T;
	};

/** The origin of a coordinator's address. @throws CoveyError `bad_request` for anything else. */
export function coordinatorUrl(text: string): string {
	if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text).origin;
	throw new CoveyError("bad_request", `${JSON.stringify(text)} is not the address of a coordinator`, {
		hint: /^[^/\s]+:\d+\/?$/.test(text) ? `did you mean http://${text}?` : "it looks like http://host:8000",
	});
}
