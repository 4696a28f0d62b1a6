import { CoveyError } from "@covey/protocol/errors";
import { type BuildAgentConfig, readBuildAgentConfig, readJoinToken } from "./build-agent-config.ts";
import { loadConfig } from "./config.ts";
import { createProcessLog } from "./log.ts";
import { paths } from "./paths.ts";
import { parseJoinToken, readMembership, runWorker } from "./worker.ts";
import { defaultSlots } from "./worker-parts.ts";

/**
 * Runs the worker of a machine that only builds, as its own file says, until it is told to stop. It joins by itself.
 * @throws CoveyError `bad_config`; `forbidden` for a join token that others may read; what the coordinator refuses it with.
 */
export async function runBuildAgent(file: string): Promise<void> {
	const config = await readBuildAgentConfig(file);
	const where = paths();
	const stateDirectory = config.stateDir ?? where.worker;
	const token = findToken(config, stateDirectory);
	const { log } = (await loadConfig()).settings;
	await runWorker(
		{
			url: config.serverUrl,
			...(config.name !== undefined && { name: config.name }),
			...(token !== undefined && { token }),
			connectTimeoutMs: config.connectTimeout,
			heartbeat: { pingMs: config.pingInterval, pongMs: config.pongTimeout },
			drainMs: config.drainTimeout,
		},
		{
			slots: config.maxJobs ?? defaultSlots(),
			tags: config.tags,
			stateDirectory,
			cacheDirectory: config.worktreeDir ?? where.workerCache,
			gitCacheDirectory: config.gitCacheDir,
			worktreeDirectory: config.worktreeDir,
			outputBytesMax: config.outputMax,
			worktreesMax: config.worktreesMax,
			isolation: config.isolation,
			caps: {
				graceMs: config.gracePeriod,
				...(config.jobTimeout !== undefined && { jobMs: config.jobTimeout }),
				...(config.environmentTimeout !== undefined && { environmentMs: config.environmentTimeout }),
			},
			hidden: config.joinTokenFile === undefined ? [] : [config.joinTokenFile],
			reconnect: { firstMs: config.reconnectMin, maxMs: config.reconnectMax },
		},
		createProcessLog(log),
	);
}

/** Once the agent is known by its key, the file may go. */
function findToken({ joinTokenFile: file }: BuildAgentConfig, stateDirectory: string) {
	const text = file === undefined ? undefined : readJoinToken(file);
	if (text !== undefined) return parseJoinToken(text);
	if (readMembership(stateDirectory) !== undefined) return undefined;
	throw new CoveyError(
		"bad_config",
		file === undefined
			? "joinTokenFile is missing, and this agent has joined no fleet yet"
			: `there is no join token in ${file}, and this agent has joined no fleet yet`,
		{
			hint: "covey token create join, on the coordinator's machine, prints what belongs there",
		},
	);
}
