import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { paths } from "#compose/paths.ts";
import type { Settings } from "#compose/settings.ts";

export type RunSettings = Partial<Pick<Settings["client"], "namespace" | "fallback" | "snapshot_file_bytes_max">>;

/** What the configuration says of runs. Where nothing is configured nothing is loaded: the coordinator has the defaults. */
export async function runSettings(directory: string, environment: NodeJS.ProcessEnv = process.env): Promise<RunSettings> {
	const { configFile, systemConfigFile } = paths(environment);
	const configured =
		environment.COVEY_NAMESPACE ||
		environment.COVEY_FALLBACK ||
		[configFile, systemConfigFile, ...projectFiles(directory)].some(existsSync);
	if (!configured) return {};
	const { loadConfig } = await import("#compose/config.ts");
	return (await loadConfig(environment, directory)).settings.client;
}

function projectFiles(directory: string): readonly string[] {
	const above = dirname(directory);
	return [join(directory, ".covey.toml"), ...(above === directory ? [] : projectFiles(above))];
}
