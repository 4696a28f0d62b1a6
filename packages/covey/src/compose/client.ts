import { readFileSync, statSync } from "node:fs";
import { CoveyError } from "@covey/protocol/errors";
import { paths } from "./paths.ts";

/** The coordinator that a command talks to. */
export interface Target {
	readonly url: string;
	readonly token: string;
	/** This call started it in the background. */
	readonly started: boolean;
	/** Which of the rules below found it, for `covey doctor`. */
	readonly origin: "environment" | "config" | "local" | "started";
}

/** A coordinator that a command started for itself ends after so long without work or visitors. */
export const backgroundIdle = "15m";

export interface TargetOptions {
	/** Start a local coordinator when there is none. Commands that only look do not. */
	readonly start: boolean;
	readonly signal?: AbortSignal;
}

/**
 * `COVEY_URL` with `COVEY_TOKEN` or `COVEY_TOKEN_FILE` > `[client]` of the config > the coordinator of this home,
 * if it runs > one started now, with the embedded worker.
 * @throws CoveyError `unavailable` when there is none and none may be started; `bad_request` for half a configuration.
 */
export async function resolveTarget(options: TargetOptions): Promise<Target> {
	const { COVEY_URL: url } = process.env;
	if (url) return { url: trimSlash(url), token: environmentToken(url), started: false, origin: "environment" };
	const configured = await configuredTarget();
	if (configured) return configured;
	const local = readLocalCoordinator();
	if (local) return { ...local, started: false, origin: "local" };
	if (!options.start || process.env.COVEY_CLIENT_AUTOSTART === "false")
		throw new CoveyError("unavailable", "no coordinator runs on this machine and none is configured", {
			hint: "covey up starts one here; covey login URL uses another machine's",
		});
	const { startInBackground } = await import("./background.ts");
	await startInBackground(options.signal);
	const begun = readLocalCoordinator();
	if (!begun)
		throw new CoveyError("unavailable", "the coordinator that was started here ended at once", {
			hint: `see ${paths().coordinator}/background.log`,
		});
	return { ...begun, started: true, origin: "started" };
}

/** What `covey up` writes when it is ready, and removes when it stops. */
export interface CoordinatorFile {
	readonly url: string;
	readonly pid: number;
	readonly startedAt: number;
	readonly version: string;
}

/** The coordinator of this home, if its process lives. */
export function readLocalCoordinator(): (CoordinatorFile & { token: string }) | undefined {
	const { coordinatorFile, adminTokenFile } = paths();
	try {
		const file = JSON.parse(readFileSync(coordinatorFile, "utf8")) as CoordinatorFile;
		process.kill(file.pid, 0);
		return { ...file, token: readFileSync(adminTokenFile, "utf8").trim() };
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		if (code === "ENOENT" || code === "ESRCH" || error instanceof SyntaxError) return undefined;
		if (code === "EPERM" || code === "EACCES")
			throw new CoveyError("forbidden", `the coordinator of ${coordinatorFile} belongs to another user`, {
				hint: "use a token of your own: covey login URL",
			});
		throw error;
	}
}

async function configuredTarget(): Promise<Target | undefined> {
	const { configFile, systemConfigFile } = paths();
	// Most homes have no file, and then neither the TOML nor the schema code is loaded.
	if (!exists(configFile) && !exists(systemConfigFile)) return undefined;
	const { loadConfig } = await import("./config.ts");
	const { client } = (await loadConfig()).settings;
	if (!client.url) return undefined;
	return { url: trimSlash(client.url), token: readTokenFile(client.token_file!), started: false, origin: "config" };
}

function environmentToken(url: string): string {
	const { COVEY_TOKEN: token, COVEY_TOKEN_FILE: file } = process.env;
	if (token) return token.trim();
	if (file) return readTokenFile(file);
	throw new CoveyError("unauthenticated", `COVEY_URL names ${url} but there is no token for it`, {
		hint: "set COVEY_TOKEN_FILE (or COVEY_TOKEN)",
	});
}

/** @throws CoveyError when the file is missing or others may read it. */
export function readTokenFile(file: string): string {
	let mode: number;
	try {
		mode = statSync(file).mode;
	} catch (cause) {
		throw new CoveyError("bad_config", `cannot read the token file ${file}`, { cause, hint: "covey login URL writes one" });
	}
	if (mode & 0o077)
		throw new CoveyError("forbidden", `the token file ${file} can be read by others (mode ${(mode & 0o777).toString(8)})`, {
			hint: `chmod 600 ${file}`,
		});
	return readFileSync(file, "utf8").trim();
}

const trimSlash = (url: string): string => url.replace(/\/+$/, "");
const exists = (file: string): boolean => statSync(file, { throwIfNoEntry: false }) !== undefined;
