import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";

test("covey run reads three files of ours, and loads of Node what it uses", async () => {
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	const { home } = fleet.client;
	const watch = join(home, "watch.cjs");
	writeFileSync(
		watch,
		`process.once("exit", () => require("node:fs").writeFileSync(${JSON.stringify(join(home, "loaded"))}, process.moduleLoadList.join("\\n")));`,
	);
	const environment = { XDG_CACHE_HOME: join(home, "cache") };
	const go = async (more: Record<string, string> = {}) => {
		const run = await fleet.client.covey(["run", "--", "true"], { cwd: repository.directory, environment: { ...environment, ...more } });
		expect(run.code, run.stderr).toBe(0);
	};
	// The first run brings the snapshot to the coordinator; most runs are not the first.
	await go();
	await go({ NODE_OPTIONS: `--require ${watch}` });

	const loaded = readFileSync(join(home, "loaded"), "utf8").split("\n");
	const builtins = loaded.flatMap((line) => /^NativeModule (?!internal)(\S+)$/.exec(line)?.[1] ?? []);
	// Each costs a millisecond or more, and is for what this run does not do.
	for (const name of ["tls", "https", "zlib", "worker_threads", "readline", "v8", "inspector"]) expect(builtins).not.toContain(name);
	expect(loaded.length).toBeLessThan(215);

	// The script with the code that was compiled, and Node's own directory with one entry for each module of ours behind the entry.
	const compile = join(home, "cache/covey/compile");
	const [script, ...others] = readdirSync(compile).sort();
	expect(script).toMatch(/^script-[0-9a-f]{16}\.cjs-.*-run$/);
	expect(others).toHaveLength(1);
	expect(readdirSync(join(compile, others[0] as string))).toHaveLength(1);
});
