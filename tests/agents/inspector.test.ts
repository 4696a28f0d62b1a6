import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { type Finished, program } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { broughtProgram, needs, wanted } from "./brought.ts";

/** The inspector's own exit codes. */
const ok = 0;
const toolError = 5;

const ways = [
	{ way: "stdio", era: "legacy" },
	{ way: "stdio", era: "modern" },
	{ way: "HTTP", era: "legacy" },
	{ way: "HTTP", era: "modern" },
] as const;

/** How the inspector reaches the tools for the worktree `directory`. It passes nothing of its environment on. */
async function target(way: string, fleet: Fleet, directory: string): Promise<string[]> {
	const { environment } = fleet.client;
	if (way === "stdio")
		return [...program, "mcp", "--worktree", directory, "--url", fleet.url, "--token-file", environment.COVEY_TOKEN_FILE!];
	const token = await fleet.token("mcp", "--worktree", directory);
	return ["--transport", "http", "--server-url", `${fleet.url}/mcp`, "--header", `Authorization: Bearer ${token.trim()}`];
}

test.skipIf(!wanted("mcp-inspector")).each(ways)(
	`the inspector reads our tools over $way, $era, and what they answer ${needs}`,
	{ timeout: 60_000 },
	async ({ way, era }) => {
		await using fleet = await Fleet.start({ workers: 1 });
		using repository = new Repository({ ".covey.toml": '[commands.test]\ncommand = "echo it fails; exit 3"\n' });
		const server = await target(way, fleet, repository.directory);
		const inspect = (...words: readonly string[]): Promise<Finished> =>
			fleet.client.exec([broughtProgram("mcp-inspector"), "--cli", ...server, "--protocol-era", era, ...words]);
		const call = (tool: string, given = {}) =>
			inspect("--method", "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(given));

		// Strict: a schema that some model's vendor cannot take is an error.
		const listed = await inspect("--method", "tools/list", "--strict");
		expect(listed, said(listed)).toMatchObject({ code: ok });
		expect(JSON.parse(listed.stdout.toString()).tools).toHaveLength(8);

		const failed = await call("test");
		expect(failed, said(failed)).toMatchObject({ code: ok });
		const { structuredContent } = JSON.parse(failed.stdout.toString());
		expect(structuredContent).toMatchObject({ outcome: "failed", exit_code: 3, machine: "worker-1" });

		const refused = await call("run_command", { command: "a\0b" });
		expect(refused, said(refused)).toMatchObject({ code: toolError });
		const unknown = await call("no_such_tool");
		expect(unknown, said(unknown)).toMatchObject({ code: toolError });
	},
);

const said = ({ stdout, stderr }: Finished): string => `${stdout}${stderr}`;
