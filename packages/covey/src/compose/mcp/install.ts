import { mkdir, readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { type ClientName, clients, type ServerEntry } from "#mcp/install/clients.ts";
import { changeOf, withEntry, withoutEntry } from "#mcp/install/edit.ts";

export { clientNames } from "#mcp/install/clients.ts";

export interface InstallOptions {
	readonly client: ClientName;
	readonly remove: boolean;
	/** The coordinator and its token file, where they are not those of this home. */
	readonly url?: string;
	readonly tokenFile?: string;
	/** Only this worktree. Absent: whichever the client is started in. */
	readonly worktree?: string;
}

/** What would be written, to be shown before it is. */
export interface Installation {
	readonly title: string;
	readonly file: string;
	/** The entry alone, as a document. */
	readonly entry: object;
	/** Marked lines; none: nothing changes. */
	readonly change: readonly string[];
	readonly notes: readonly string[];
	write(): Promise<void>;
}

/** @throws CoveyError for a configuration that cannot be edited; `write` with `conflict` when it has changed meanwhile. */
export async function planInstallation(options: InstallOptions): Promise<Installation> {
	const config = clients[options.client];
	const home = process.env.HOME || homedir();
	const { XDG_CONFIG_HOME: xdg } = process.env;
	const file = join(config.file.under === "home" ? home : xdg?.startsWith("/") ? xdg : join(home, ".config"), config.file.path);
	const text = await readText(file);
	const entry = config.entry(serverEntry(options, config.worktree));
	const after = options.remove ? (text === undefined ? undefined : withoutEntry(config, file, text)) : withEntry(config, file, text, entry);
	return {
		title: config.title,
		file,
		entry,
		change: after === undefined ? [] : changeOf(text ?? "", after),
		notes: options.remove ? [] : config.notes,
		async write() {
			if (after === undefined || after === text) return;
			// A client that runs writes it too, and what was shown is no longer what would change.
			if ((await readText(file)) !== text)
				throw new CoveyError("conflict", `${file} has changed since it was shown`, { hint: "end the client and do it again" });
			// Where it is kept elsewhere, as by those who version their settings, the link stays.
			const real = await realpath(file).catch(() => file);
			await mkdir(dirname(real), { recursive: true });
			const mode = await stat(real).then(
				(found) => found.mode & 0o777,
				() => 0o600,
			);
			await writeFile(`${real}.covey-new`, after, { mode });
			await rename(`${real}.covey-new`, real);
		},
	};
}

async function readText(file: string): Promise<string | undefined> {
	return await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return undefined;
		throw error;
	});
}

/** Nothing is left to what the client passes on: this very program and what it needs stand in the entry. */
function serverEntry({ url, tokenFile, worktree }: InstallOptions, open: string): ServerEntry {
	const words = [process.argv[1] as string, "mcp", "--worktree", worktree ?? open];
	return {
		command: process.execPath,
		args: [...words, ...(url === undefined ? [] : ["--url", url]), ...(tokenFile === undefined ? [] : ["--token-file", tokenFile])],
		environment: { HOME: process.env.HOME || homedir() },
	};
}
