import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { connect } from "@covey/client";
import { coordinatorUrl } from "#cli/arguments.ts";
import { defineCommand } from "#cli/command.ts";
import { dial } from "#cli/dial.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { leanFetch } from "#cli/lean-fetch.ts";
import { readSecret } from "#cli/secret-input.ts";
import { say } from "#cli/terminal.ts";
import { paths } from "#compose/paths.ts";

export const login = defineCommand<{ readonly tokenFile?: string }>({
	arguments: [["<url>", "the coordinator's address, as in http://host:8000"]],
	options: [{ flags: "--token-file <file>", about: "where the client token stands (else COVEY_TOKEN, else stdin)" }],
	notes: "covey token create client --role submit prints a token on the coordinator's machine.",
	run: async ({ arguments: [text = ""], options }) => {
		const url = coordinatorUrl(text);
		const token = await readSecret({ file: options.tokenFile, variable: "COVEY_TOKEN", what: "client token" });
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
	await using fleet = await connect({ url, token, webSocket: dial, fetch: leanFetch, reconnect: false });
	return await fleet.call("fleet.status", {});
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
