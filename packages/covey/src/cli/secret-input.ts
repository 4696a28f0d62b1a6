import { readFile } from "node:fs/promises";
import { CoveyError } from "@covey/protocol/errors";

/** A token is short; whatever is longer is another file. */
const secretBytesMax = 16 * 1024;

/**
 * A secret from a file, a variable or stdin, in this order; never from an argument, which every user of the machine sees.
 * @throws CoveyError `bad_request` when there is none.
 */
export async function readSecret(options: {
	readonly file?: string | undefined;
	readonly variable: string;
	readonly what: string;
}): Promise<string> {
	const { file, variable, what } = options;
	const value = (file === undefined ? process.env[variable] : await readFile(file, "utf8").catch(refuse(file))) ?? (await readStdin());
	const secret = value.trim();
	if (secret === "" || secret.length > secretBytesMax || /\s/.test(secret))
		throw new CoveyError("bad_request", `${secret === "" ? "there is no" : "that is no"} ${what}`, {
			hint: `give it by --token-file FILE, ${variable} or stdin`,
		});
	return secret;
}

async function readStdin(): Promise<string> {
	if (process.stdin.isTTY) return "";
	let text = "";
	for await (const chunk of process.stdin) {
		text += chunk;
		if (text.length > secretBytesMax) break;
	}
	return text;
}

const refuse = (file: string) => (cause: Error) => {
	throw new CoveyError("bad_request", `cannot read the token file ${file}: ${cause.message}`, { cause });
};
