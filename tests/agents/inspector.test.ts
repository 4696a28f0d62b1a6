import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { type Finished, program } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { broughtProgram, needs, wanted } from "./brought.ts";

/** The inspector's own exit codes. */
const ok = 0;
const toolError = 5;

const eras = ["legacy", "modern"] as const;

/** One request of the MCP inspector to our server on stdio, in the worktree `directory`. */
function inspect(fleet: Fleet, directory: string, era: string, ...words: readonly string[]): Promise<Finished> {
	// The inspector passes nothing of its environment on.
	const { environment } = fleet.client;
	const server = [...program, "mcp", "--worktree", directory, "--url", fleet.url, "--token-file", environment.COVEY_TOKEN_FILE!];
	const command = [broughtProgram("mcp-inspector"), "--cli", ...server, "--protocol-era", era, ...words];
	return fleet.client.exec(command, { cwd: directory });
}

test.skipIf(!wanted("mcp-inspector")).each(eras)(
	`the inspector finds our tools' schemas portable, %s ${needs}`,
	{ timeout: 60_000 },
	async (era) => {
		await using fleet = await Fleet.start();
		using repository = new Repository();
		const listed = await inspect(fleet, repository.directory, era, "--method", "tools/list", "--strict");
		expect(listed, listed.stderr).toMatchObject({ code: ok });
		expect(JSON.parse(listed.stdout.toString()).tools).toHaveLength(8);
	},
);

test.skipIf(!wanted("mcp-inspector")).each(eras)(
	`to the inspector a failing test is a result and a refusal is an error, %s ${needs}`,
	{ timeout: 60_000 },
	async (era) => {
		await using fleet = await Fleet.start({ workers: 1 });
		using repository = new Repository({ ".covey.toml": '[commands.test]\ncommand = "echo it fails; exit 3"\n' });
		const call = (tool: string, args = {}) =>
			inspect(fleet, repository.directory, era, "--method", "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args));
		const failed = await call("test");
		expect(failed, `${failed.stdout}${failed.stderr}`).toMatchObject({ code: ok });
		expect(JSON.parse(failed.stdout.toString()).structuredContent).toMatchObject({ outcome: "failed", exit_code: 3, machine: "worker-1" });
		const refused = await call("run_command", { command: "a\0b" });
		expect(refused, refused.stderr).toMatchObject({ code: toolError });
		expect((await call("no_such_tool")).code).toBe(toolError);
	},
);
