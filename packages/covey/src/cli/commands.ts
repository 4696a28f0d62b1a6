import type { Command } from "./command.ts";
import { run } from "./commands/run.ts";

/** One line per command: where it is, what it does, and how to load it when it is called. */
export interface CommandEntry {
	readonly path: string;
	readonly summary: string;
	/** Heading in the help; absent: not listed. */
	readonly group?: "Work" | "Fleet" | "This machine";
	readonly load: () => Promise<Command>;
}

/** In the order in which the help lists them. */
export const commands: readonly CommandEntry[] = [
	{
		path: "run",
		group: "Work",
		summary: "run a command on this exact worktree, on the best machine",
		load: async () => run,
	},
	{
		path: "attach",
		group: "Work",
		summary: "watch a run that goes on, from the start of its output",
		load: async () => (await import("./commands/attach.ts")).attach,
	},
	{ path: "logs", group: "Work", summary: "print the output of a task", load: async () => (await import("./commands/logs.ts")).logs },
	{ path: "cancel", group: "Work", summary: "end a task", load: async () => (await import("./commands/cancel.ts")).cancel },
	{
		path: "why",
		group: "Work",
		summary: "why a task waits, or why it ran where it did",
		load: async () => (await import("./commands/why.ts")).why,
	},
	{ path: "tasks", summary: "the same as tasks list", load: async () => (await import("./commands/tasks/list.ts")).list },
	{
		path: "tasks list",
		group: "Work",
		summary: "list tasks, newest first",
		load: async () => (await import("./commands/tasks/list.ts")).list,
	},
	{
		path: "tasks show",
		group: "Work",
		summary: "all there is to know of one task",
		load: async () => (await import("./commands/tasks/show.ts")).show,
	},
	{
		path: "mcp",
		group: "Work",
		summary: "the tools of a coding agent, over stdin and stdout",
		load: async () => (await import("./commands/mcp/serve.ts")).mcp,
	},
	{
		path: "mcp install",
		group: "Work",
		summary: "let an agent's client use them: writes its configuration",
		load: async () => (await import("./commands/mcp/install.ts")).install,
	},
	{ path: "status", group: "Fleet", summary: "the fleet at a glance", load: async () => (await import("./commands/status.ts")).status },
	{
		path: "top",
		group: "Fleet",
		summary: "workers, queue and running work on one screen",
		load: async () => (await import("./commands/top.ts")).top,
	},
	{
		path: "workers",
		group: "Fleet",
		summary: "the machines and what they do",
		load: async () => (await import("./commands/workers.ts")).workers,
	},
	{
		path: "drain",
		group: "Fleet",
		summary: "let a worker take no new work",
		load: async () => (await import("./commands/drain.ts")).drain,
	},
	{ path: "undrain", group: "Fleet", summary: "let it take work again", load: async () => (await import("./commands/drain.ts")).undrain },
	{
		path: "worker revoke",
		group: "Fleet",
		summary: "refuse a worker's key for good",
		load: async () => (await import("./commands/worker/revoke.ts")).revoke,
	},
	{
		path: "token create",
		group: "Fleet",
		summary: "make a token and print it, this once",
		load: async () => (await import("./commands/token/create.ts")).create,
	},
	{
		path: "token list",
		group: "Fleet",
		summary: "the tokens, without their secrets",
		load: async () => (await import("./commands/token/list.ts")).list,
	},
	{
		path: "token revoke",
		group: "Fleet",
		summary: "make a token worthless",
		load: async () => (await import("./commands/token/revoke.ts")).revoke,
	},
	{
		path: "history rebuild",
		group: "Fleet",
		summary: "build the history anew from the journal",
		load: async () => (await import("./commands/history/rebuild.ts")).rebuild,
	},
	{ path: "up", group: "This machine", summary: "be the coordinator", load: async () => (await import("./commands/up.ts")).up },
	{
		path: "join",
		group: "This machine",
		summary: "become a worker of a fleet and work",
		load: async () => (await import("./commands/join.ts")).join,
	},
	{
		path: "worker start",
		group: "This machine",
		summary: "work again, after an earlier join",
		load: async () => (await import("./commands/worker/start.ts")).start,
	},
	{
		path: "build-pool start",
		group: "This machine",
		summary: "be a build pool's coordinator, in the background",
		load: async () => (await import("./commands/build-pool/start.ts")).start,
	},
	{
		path: "build-pool status",
		group: "Fleet",
		summary: "the build pool: agents, queue, fallback, listeners",
		load: async () => (await import("./commands/build-pool/status.ts")).status,
	},
	{
		path: "build-pool stop",
		group: "This machine",
		summary: "let what runs end, then end the coordinator of this machine",
		load: async () => (await import("./commands/build-pool/stop.ts")).stop,
	},
	{
		path: "login",
		group: "This machine",
		summary: "use the coordinator of another machine",
		load: async () => (await import("./commands/login.ts")).login,
	},
	{
		path: "doctor",
		group: "This machine",
		summary: "what is wrong here, and what mends it",
		load: async () => (await import("./commands/doctor.ts")).doctor,
	},
	{
		path: "config show",
		group: "This machine",
		summary: "the configuration in force",
		load: async () => (await import("./commands/config/show.ts")).show,
	},
	{
		path: "paths",
		group: "This machine",
		summary: "where everything is kept",
		load: async () => (await import("./commands/paths.ts")).paths,
	},
	{
		path: "journal salvage",
		group: "This machine",
		summary: "save what can be read of a damaged journal",
		load: async () => (await import("./commands/journal/salvage.ts")).salvage,
	},
	{
		path: "completion",
		group: "This machine",
		summary: "a completion script for bash, zsh or fish",
		load: async () => (await import("./commands/completion.ts")).completion,
	},
	{
		path: "version",
		group: "This machine",
		summary: "the version of Covey",
		load: async () => (await import("./commands/version.ts")).versionCommand,
	},
	{ path: "__sweep", summary: "end what a killed worker left", load: async () => (await import("./commands/sweep.ts")).sweep },
	{ path: "__complete", summary: "names for completion scripts", load: async () => (await import("./commands/complete.ts")).complete },
];
