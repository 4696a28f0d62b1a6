import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Script } from "node:vm";

/** Where compiled code is kept; undefined where there is no home. */
export function codeCacheDirectory(environment: NodeJS.ProcessEnv = process.env): string | undefined {
	const { XDG_CACHE_HOME: cache, HOME: home } = environment;
	return cache ? join(cache, "covey/compile") : home && join(home, ".cache/covey/compile");
}

export interface CachedScript {
	/** Absolute; another name whenever the content is another. Sees `module` and `load`. */
	readonly file: string;
	/** A word, as that of a command: each uses other functions. */
	readonly purpose: string;
	/** Imports a module for the script, which cannot. */
	readonly load: (specifier: string) => Promise<unknown>;
	readonly directory?: string | undefined;
}

/**
 * Runs a script with the functions that an earlier run of the same purpose has used compiled already. Node's own
 * compile cache has only what is compiled before a module begins, and leaves hundreds of functions to each run.
 * The cache is only ever a gain of time: what is missing, of another V8 or of another user is made anew.
 *
 * @returns what the script put into `module.exports`.
 * @public the build makes a module of it: tools/build.mjs
 */
export function runCached({ file, purpose, load, directory = codeCacheDirectory() }: CachedScript): unknown {
	const cacheFile = directory && join(directory, `${basename(file)}-${process.version}-${process.arch}-${purpose.replace(/\W/g, "")}`);
	const cachedData = cacheFile === undefined ? undefined : readOwn(cacheFile);
	const text = `(function (module, load) {${readFileSync(file, "utf8")}\n})`;
	const script = new Script(text, { filename: file, ...(cachedData && { cachedData }) });
	const module = { exports: {} };
	script.runInThisContext()(module, load);
	if (cacheFile !== undefined && (cachedData === undefined || script.cachedDataRejected))
		process.once("exit", (code) => {
			// Words that are no command end otherwise, and leave no files.
			if (code === 0) keep(cacheFile, script.createCachedData());
		});
	return module.exports;
}

/** Code is run: so it must be this user's own. */
function readOwn(file: string): Buffer | undefined {
	try {
		const descriptor = openSync(file, "r");
		try {
			return fstatSync(descriptor).uid === process.getuid?.() ? readFileSync(descriptor) : undefined;
		} finally {
			closeSync(descriptor);
		}
	} catch {
		return undefined;
	}
}

const monthMs = 30 * 24 * 3600 * 1000;

/** Complete or not at all, also when the power fails. What is a month old is made anew or was of another version. */
function keep(file: string, data: Buffer): void {
	const directory = join(file, "..");
	const temporary = `${file}.${process.pid}`;
	try {
		mkdirSync(directory, { recursive: true, mode: 0o700 });
		for (const name of readdirSync(directory)) {
			const old = join(directory, name);
			if (Date.now() - statSync(old).mtimeMs > monthMs) rmSync(old, { recursive: true, force: true });
		}
		try {
			writeFileSync(temporary, data, { mode: 0o600, flush: true });
			renameSync(temporary, file);
		} finally {
			rmSync(temporary, { force: true });
		}
	} catch {
		// A full disk, a home that cannot be written: the next run compiles, too.
	}
}
