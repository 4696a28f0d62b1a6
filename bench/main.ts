import { readdirSync } from "node:fs";
import type { BenchLine } from "./line.ts";

/**
 * `npm run bench [-- NAME…]`: runs the benches named, or all, one after another, and prints one JSON line each. A bench
 * is a file here that exports `run(): Promise<BenchLine[]>`. Exits with 1 when a bar does not hold, or a peer is missing.
 */
const notBenches = new Set(["main.ts", "line.ts"]);
const names = readdirSync(import.meta.dirname)
	.filter((file) => file.endsWith(".ts") && !notBenches.has(file) && !file.endsWith(".test.ts"))
	.map((file) => file.slice(0, -".ts".length));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
	process.stderr.write(`no bench named ${unknown.join(", ")}; there are ${names.join(", ")}\n`);
	process.exit(2);
}
let missed = 0;
for (const name of wanted.length > 0 ? wanted : names) {
	const { run } = (await import(`./${name}.ts`)) as { run: () => Promise<readonly BenchLine[]> };
	// A peer that is not installed takes its own bench away and no other.
	const lines = await run().catch((error: Error) => [{ bench: name, holds: false, leftOut: error.message }]);
	for (const line of lines) {
		process.stdout.write(`${JSON.stringify(line)}\n`);
		if (!line.holds) missed++;
	}
}
process.exitCode = missed === 0 ? 0 : 1;
