import { commands } from "#cli/commands.ts";

/** What a completion script must know of one command. */
export interface CommandDescription {
	readonly path: string;
	readonly summary: string;
	/** Long forms, as in `--json`. */
	readonly options: readonly string[];
	/** What its first argument is, where the coordinator knows the names. */
	readonly names: "tasks" | "workers" | undefined;
}

/** Of all listed commands. Loads each of them. */
export async function describeCommands(): Promise<readonly CommandDescription[]> {
	const listed = commands.filter((entry) => !entry.path.startsWith("__"));
	return Promise.all(
		listed.map(async (entry) => {
			const { arguments: [first] = [], options = [] } = await entry.load();
			return {
				path: entry.path,
				summary: entry.summary,
				options: ["--help", ...options.flatMap(({ flags }) => /--[a-z-]+/.exec(flags)?.[0] ?? [])],
				names: first?.[0] === "<task>" ? ("tasks" as const) : first?.[0] === "<worker>" ? ("workers" as const) : undefined,
			};
		}),
	);
}
