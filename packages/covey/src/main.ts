#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { codeCacheDirectory } from "#cli/code-cache.ts";
import { version } from "#kit/version.ts";

/**
 * The entry. `covey version` answers at once; everything else is loaded on demand, out of V8's compile cache, because
 * a command that a person or a program types many times an hour is felt in its start.
 */
const words = process.argv.slice(2);
if (words.length === 1 && ["version", "--version", "-v", "-V"].includes(words[0] as string)) {
	process.stdout.write(`covey ${version}\n`);
} else {
	const cache = codeCacheDirectory();
	if (cache) enableCompileCache(cache);
	const { runProgram } = await import("#cli/program.ts");
	const exitCode = await runProgram(words);
	// All is said and done. What may be left is a socket's goodbye, which nobody here waits for.
	process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
}
