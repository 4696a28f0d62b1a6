import { existsSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Machine } from "../kit/machine.ts";
import { callsOnce } from "../kit/model-server.ts";
import { Repository } from "../kit/repository.ts";
import { seededProjects } from "../kit/seeded-projects.ts";
import { needs, wanted } from "./brought.ts";
import { agentClis } from "./cli.ts";
import { Desktop } from "./desktop.ts";

/** A worker that builds Rust: in a home of its own rustup would find no toolchain. */
async function builder(): Promise<Machine> {
	const machine = await Machine.create();
	const toolchains = join(homedir(), ".rustup");
	if (existsSync(toolchains)) symlinkSync(toolchains, join(machine.home, ".rustup"));
	return machine;
}

const ways = ["stdio", "HTTP"] as const;

for (const cli of agentClis)
	for (const way of ways)
		test.skipIf(!wanted(cli.name)).each(seededProjects)(
			`${cli.name} tests a $name project on a remote worker over ${way} and is shown the failure ${needs}`,
			{ timeout: 120_000 },
			async ({ files, edit, failure }) => {
				await using fleet = await Fleet.start();
				await fleet.join("worker-1", { machine: await builder() });
				using repository = new Repository(files);
				const { directory } = repository;
				repository.write(edit);
				const script = callsOnce("test");
				await using desktop = await (way === "stdio"
					? Desktop.create(cli, fleet, script)
					: Desktop.createRemote(cli, fleet, script, directory));

				const session = await desktop.begin(directory).ended;

				const [shown = "", ...more] = desktop.model.results;
				expect(more, session.stderr).toEqual([]);
				expect(shown).toMatch(/FAILED test: 1 failed, 1 passed, exit \d+; [\d.]+ s on worker-1; tree \w{10} \(with 1 uncommitted file;/);
				const { test, file, line } = failure;
				if (cli.shows === "structure") {
					const structure = JSON.parse(shown.slice(shown.indexOf("{")));
					expect(structure).toMatchObject({ outcome: "failed", failures: [failure], machine: "worker-1", tree: repository.tree() });
				} else expect(shown).toContain(`✗ ${test}  ${file}:${line}`);
				expect([session.code, session.stdout.toString()]).toEqual([0, expect.stringContaining("I saw: ")]);
				const ran = await fleet.tasks(/^test/);
				expect(ran).toMatchObject([{ outcome: "failed", attempts: [{ worker: "worker-1" }] }]);
				expect(desktop.model.strange).toEqual([]);
				await desktop.machine.empty();
			},
		);
