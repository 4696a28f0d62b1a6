/** Structured log lines on stderr. Never give it a secret: what goes in is written as it is. */
export interface Logger {
	debug(message: string, fields?: LogFields): void;
	info(message: string, fields?: LogFields): void;
	warn(message: string, fields?: LogFields): void;
	error(message: string, fields?: LogFields): void;
	/** A logger that adds these fields to each line. */
	with(fields: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = "debug" | "info" | "warn" | "error";

const severity: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

export interface LoggerOptions {
	readonly level: LogLevel;
	/** `journal`: systemd's `<N>` priorities and no time stamps. */
	readonly format: "json" | "pretty" | "journal";
	readonly write: (line: string) => void;
	readonly now: () => number;
}

export function createLogger(options: LoggerOptions, bound: LogFields = {}): Logger {
	const at =
		(level: LogLevel) =>
		(message: string, fields: LogFields = {}) => {
			if (severity[level] > severity[options.level]) return;
			options.write(`${render(options, level, message, { ...bound, ...fields })}\n`);
		};
	return {
		debug: at("debug"),
		info: at("info"),
		warn: at("warn"),
		error: at("error"),
		with: (fields) => createLogger(options, { ...bound, ...fields }),
	};
}

/** Says nothing. */
export const silentLogger: Logger = createLogger({ level: "error", format: "json", write: () => {}, now: () => 0 });

function render(options: LoggerOptions, level: LogLevel, message: string, fields: LogFields): string {
	const plain = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? describe(value) : value]));
	if (options.format === "json") return JSON.stringify({ time: new Date(options.now()).toISOString(), level, message, ...plain });
	const rest = Object.entries(plain)
		.map(([key, value]) => ` ${key}=${typeof value === "string" && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)}`)
		.join("");
	const line = `${message}${rest}`.replace(steering, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
	if (options.format === "journal") return `<${severity[level]}>${line}`;
	return `${new Date(options.now()).toISOString().slice(11, 23)} ${level.padEnd(5)} ${line}`;
}

/** What JSON leaves as it is and a terminal may obey: C1 controls and bidirectional ones. */
const steering = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function describe(error: Error): string {
	return error.cause instanceof Error ? `${error.message}: ${describe(error.cause)}` : error.message;
}
