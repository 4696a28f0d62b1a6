import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { connect } from "@covey/client";
import { CoveyError } from "@covey/protocol/errors";
import { coordinatorUrl } from "#cli/arguments.ts";
import { defineCommand } from "#cli/command.ts";
import { dial } from "#cli/dial.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { leanFetch } from "#cli/lean-fetch.ts";
import { readSecret } from "#cli/secret-input.ts";
import { say } from "#cli/terminal.ts";
import { paths } from "#compose/paths.ts";
import { parseToken } from "#host/token/token.ts";

const wayToOne = "covey token create client --role submit, on the coordinator's machine, prints one";

export const login = defineCommand<{ readonly tokenFile?: string }>({
	arguments: [["<url>", "the coordinator's address, as in http://host:8000"]],
	options: [{ flags: "--token-file <file>", about: "where the client token stands (else COVEY_TOKEN, else stdin)" }],
	notes: `${wayToOne}.`,
	run: async ({ arguments: [text = ""], options }) => {
		const url = coordinatorUrl(text);
		const token = await readSecret({ file: options.tokenFile, variable: "COVEY_TOKEN", what: "client token" });
		if (parseToken(token).kind === "join")
			throw new CoveyError("bad_request", "that is a join token, which enrols a worker, not a client token", {
				hint: `${wayToOne}; to make this machine a worker: covey join ${url}`,
			});
		const status = await tryOut(url, token);
		const { config, configFile } = paths();
		const tokenFile = join(config, "client.token");
		await writePrivately(tokenFile, `${token}\n`);
		await writePrivately(configFile, withClient(await readText(configFile), { url, token_file: tokenFile }));
		say(`this home uses the coordinator ${status.coordinator} at ${url} (Covey ${status.version})`);
		return exitCodes.ok;
	},
});

/** Nothing is written for a token that does not work. */
async function tryOut(url: string, token: string) {
	try {
		await using fleet = await connect({ url, token, webSocket: dial, fetch: leanFetch, reconnect: false });
		return await fleet.call("fleet.status", {});
	} catch (error) {
		if (!(error instanceof CoveyError) || error.code !== "forbidden") throw error;
		throw new CoveyError("forbidden", `that token is not for a person or a program: ${error.message}`, { cause: error, hint: wayToOne });
	}
}

/** The configuration with these two keys of `[client]` replaced and every other line as it was, comments too. */
export function withClient(text: string, client: Readonly<Record<"url" | "token_file", string>>): string {
	const lines = text.split("\n");
	const begin = lines.findIndex((line) => /^\s*\[client\]\s*(#.*)?$/.test(line));
	const written = Object.entries(client).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
	if (begin < 0) return [...(text.trim() === "" ? [] : [text.trimEnd(), ""]), "[client]", ...written, ""].join("\n");
	const next = lines.findIndex((line, index) => index > begin && /^\s*\[/.test(line));
	const end = next < 0 ? lines.length : next;
	const kept = lines.slice(begin + 1, end).filter((line) => !/^\s*(url|token_file)\s*=/.test(line));
	return [...lines.slice(0, begin + 1), ...written, ...kept, ...lines.slice(end)].join("\n");
}

async function readText(file: string): Promise<string> {
	return readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return "";
		throw error;
	});
}

/** All of it or nothing, and from the first byte for this user alone. */
async function writePrivately(file: string, text: string): Promise<void> {
	await mkdir(dirname(file), { recursive: true, mode: 0o700 });
	const temporary = `${file}.${process.pid}`;
	await writeFile(temporary, text, { mode: 0o600 });
	await rename(temporary, file);
}
