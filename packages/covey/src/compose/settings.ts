import { Fallback, Namespace, Tags, WorkerName } from "@covey/protocol";
import { z } from "zod";
import { parseDuration } from "#kit/duration.ts";
import { Commands } from "#mcp/project/commands.ts";
import { parseFallback } from "./fallback.ts";

/** `90s`, `5m`, `1h30m`, `250ms`, or a number of milliseconds. */
export const Duration = z.union([z.number().int().min(0), z.string()]).transform((value, context) => {
	if (typeof value === "number") return value;
	const ms = parseDuration(value);
	if (ms !== undefined) return ms;
	context.addIssue({ code: "custom", message: `${JSON.stringify(value)} is no duration; write it as in 90s, 5m or 1h30m` });
	return z.NEVER;
});

/** `512M`, `2G`, or a number of bytes; powers of 1024. */
export const Bytes = z.union([z.number().int().min(0), z.string()]).transform((value, context) => {
	if (typeof value === "number") return value;
	const match = /^(\d+(?:\.\d+)?)([KMGT])(?:i?B)?$/.exec(value);
	if (match) return Math.round(Number(match[1]) * 1024 ** ("KMGT".indexOf(match[2]!) + 1));
	context.addIssue({ code: "custom", message: `${JSON.stringify(value)} is no size; write it as in 512M or 2G` });
	return z.NEVER;
});

/** A path, or a namespace and the id of a repository in it: so the coordinator's `git` directory is laid out. */
const ServedRepository = z
	.string()
	.max(4096)
	.regex(/^(\/.*[^/]|[a-z0-9][a-z0-9._-]*\/[0-9a-f]{32})$/, "write the absolute path of a repository, or namespace/id of its snapshots");

/** The whole configuration file. Every key is optional there; here every default is filled in. */
export const Settings = z.strictObject({
	client: z
		.strictObject({
			url: z.url({ protocol: /^https?$/ }).optional(),
			token_file: z.string().optional(),
			/** Start a coordinator in the background when none runs and none is configured. */
			autostart: z.boolean().default(true),
			namespace: Namespace.default("default"),
			fallback: z.union([Fallback, z.string().transform(readFallback)]).default({ afterMs: 10_000 }),
			snapshot_file_bytes_max: Bytes.default(256 * 1024 * 1024),
		})
		.prefault({}),
	coordinator: z
		.strictObject({
			port: z.number().int().min(0).max(65535).default(8000),
			/** Addresses besides loopback; `tailnet` is the address that tailscale gives this machine, if it runs. */
			listen: z.array(z.string()).default(["tailnet"]),
			/** Host names besides localhost and the addresses that clients may call it by. */
			allowed_hosts: z.array(z.string()).default([]),
			/** Slots of the embedded worker. 0: it takes nothing. Default: half the cores. */
			local_slots: z.number().int().min(0).max(4096).optional(),
			lease_ttl: Duration.default(90_000),
			sync_every: Duration.default(15_000),
			ping_every: Duration.default(30_000),
			pong_within: Duration.default(10_000),
			log_bytes_max: Bytes.default(1024 ** 3),
			log_retention: Duration.default(30 * 86_400_000),
			artifact_bytes_max: Bytes.default(20 * 1024 ** 3),
		})
		.prefault({}),
	worker: z
		.strictObject({
			name: WorkerName.optional(),
			slots: z.number().int().min(1).max(4096).optional(),
			tags: Tags.default({}),
			output_bytes_max: Bytes.default(1024 ** 3),
			/** Warm worktrees kept per repository. */
			worktrees_max: z.number().int().min(1).max(256).default(8),
			/** The isolation that each attempt gets at least; a machine that cannot give it does not start. */
			isolation: z.number().int().min(0).max(3).default(0),
			/** The longest that the set-up of a job's environment may take here, whatever the job asks for. */
			environment_timeout: Duration.optional(),
		})
		.prefault({}),
	/** A coordinator to build on. What stands in `timeouts` and `local_fallback` are other words for settings above: see `spellings.ts`. */
	build_pool: z
		.strictObject({
			/** A listener of its own for workers, which serves nothing but `/ws`. */
			enabled: z.boolean().default(false),
			port: z.number().int().min(0).max(65535).default(8080),
			/** Besides loopback; as `coordinator.listen`, and by default the same. */
			listen: z.array(z.string()).optional(),
			git_daemon: z
				.strictObject({
					enabled: z.boolean().default(false),
					port: z.number().int().min(1).max(65535).default(9418),
					/** Besides loopback. Whoever reaches one of these addresses may fetch: it asks for no token. */
					listen: z.array(z.string()).default(["tailnet"]),
					/** All that is served: paths of repositories on this machine, or `namespace/id` of snapshots that were sent here. */
					repositories: z.array(ServedRepository).max(256).default([]),
				})
				.prefault({}),
			local_fallback: z
				.strictObject({
					/** false: the coordinator's own worker takes nothing. */
					enabled: z.boolean().optional(),
					slots: z.number().int().min(0).max(4096).optional(),
					after: Duration.optional(),
				})
				.prefault({}),
			timeouts: z
				.strictObject({
					lease: Duration.optional(),
					sync: Duration.optional(),
					ping: Duration.optional(),
					pong: Duration.optional(),
					/** Of a run that names none. */
					job: Duration.optional(),
					environment: Duration.optional(),
				})
				.prefault({}),
		})
		.prefault({}),
	mcp: z
		.strictObject({
			/** A call is answered with a handle when its work lasts longer. Default: by the client, 45s for one that is not known. */
			wait_max: Duration.optional(),
			/** Of a run that names none. */
			timeout: Duration.default(3_600_000),
			/** A run ends when the agent's server has not been heard of for so long. */
			hold: Duration.refine((ms) => ms >= 1000 && ms <= 3_600_000, "from 1s to 1h").default(120_000),
		})
		.prefault({}),
	log: z
		.strictObject({
			level: z.enum(["debug", "info", "warn", "error"]).default("info"),
			format: z.enum(["auto", "json", "pretty"]).default("auto"),
		})
		.prefault({}),
	/** What a project's verbs run; only a project's own file may say it. */
	commands: Commands.default({}),
});
export type Settings = z.output<typeof Settings>;

function readFallback(text: string, context: z.RefinementCtx): Fallback {
	const fallback = parseFallback(text);
	if (fallback !== undefined) return fallback;
	context.addIssue({ code: "custom", message: "write never, always or after:10s" });
	return z.NEVER;
}

/** Relations between settings that no single key can show: each with its sentence. */
export const relations: readonly { readonly holds: (settings: Settings) => boolean; readonly sentence: string }[] = [
	{
		holds: ({ coordinator }) => coordinator.lease_ttl >= 4 * coordinator.sync_every,
		sentence: "coordinator.lease_ttl must be at least four times coordinator.sync_every, so that a lease outlasts three lost messages",
	},
	{
		holds: ({ coordinator }) => coordinator.lease_ttl > coordinator.ping_every + coordinator.pong_within,
		sentence:
			"coordinator.lease_ttl must be longer than coordinator.ping_every plus coordinator.pong_within, so that a dead link is noticed first",
	},
	{
		holds: ({ client }) => client.url === undefined || client.token_file !== undefined,
		sentence: "client.url needs client.token_file beside it",
	},
	{
		holds: ({ build_pool: { git_daemon } }) => !git_daemon.enabled || git_daemon.repositories.length > 0,
		sentence: "build_pool.git_daemon.enabled needs build_pool.git_daemon.repositories: it serves only what is named there",
	},
];
