import { resolve } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import type { OperationInput } from "@covey/protocol/operations";
import { duration, list, oneOf, pairs, within } from "#cli/arguments.ts";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { print, printJson, say } from "#cli/terminal.ts";

type TokenInput = OperationInput<"token.create">;

interface Options {
	readonly role?: readonly string[];
	readonly namespace?: readonly string[];
	readonly label?: string;
	readonly expires?: number;
	readonly uses?: number;
	readonly name?: string;
	readonly tag?: Readonly<Record<string, string>>;
	readonly worktree?: string;
	readonly json?: boolean;
}

/** What a person calls a token, and what the coordinator makes of it. */
const kinds: Readonly<Record<"join" | "worker" | "mcp" | "client", (options: Options) => Pick<TokenInput, "kind" | "roles">>> = {
	join: () => ({ kind: "join" }),
	worker: () => ({ kind: "client", roles: ["worker"] }),
	mcp: ({ worktree }) => {
		if (worktree === undefined)
			throw new CoveyError("bad_request", "which worktree may the agent build and test?", {
				hint: "--worktree PATH, on the coordinator's machine",
			});
		return { kind: "client", roles: ["submit"] };
	},
	client: ({ role }) => {
		if (role === undefined)
			throw new CoveyError("bad_request", "what may a client do with it?", { hint: "--role submit, read, cache or admin" });
		return { kind: "client", roles: role as NonNullable<TokenInput["roles"]> };
	},
};

const roleWords = ["admin", "submit", "read", "worker", "cache"] as const;
const role = oneOf(...roleWords);
const roles = (text: string, previous: readonly string[] = []) => [...previous, ...list(text).map(role)];

export const create = defineCommand<Options>({
	arguments: [
		[
			"<kind>",
			"join: enrols a worker; worker: for a plain v1 worker; mcp: for an agent that speaks HTTP; client: for a person or program",
			Object.keys(kinds),
		],
	],
	options: [
		{ flags: "--role <role>", about: `of a client: ${roleWords.join(", ")}; may be repeated`, words: roleWords, parse: roles },
		{ flags: "--namespace <name>", about: "only there; may be repeated (default: everywhere)", parse: list },
		{ flags: "--label <text>", about: "whom it is for; shown in lists and the audit log" },
		{ flags: "--expires <duration>", about: "worthless after so long", parse: duration },
		{
			flags: "--uses <number>",
			about: "of a join token: how many workers it enrols (default 1)",
			parse: within(1, 1000),
		},
		{ flags: "--name <name>", about: "of a join token: only for a worker of this name" },
		{ flags: "--tag <key=value>", about: "of a join token: a tag that the worker gets; may be repeated", parse: pairs },
		{ flags: "--worktree <path>", about: "of an mcp token: the worktree, on the coordinator's machine, whose state is built and tested" },
		jsonOption,
	],
	notes: "Prints the token alone on stdout, this once: only a hash of it is kept.",
	run: ({ arguments: [word = ""], options }) => {
		const kind = kinds[oneOf("join", "worker", "mcp", "client")(word)](options);
		return withFleet(async (fleet) => {
			const { token, record } = await fleet.call("token.create", {
				...kind,
				...(options.namespace && { namespaces: [...options.namespace] }),
				...(options.label !== undefined && { label: options.label }),
				...(options.expires !== undefined && { ttlMs: options.expires }),
				...(options.uses !== undefined && { uses: options.uses }),
				...(options.name !== undefined && { name: options.name }),
				...(options.tag && { tags: options.tag }),
				...(options.worktree !== undefined && { worktree: resolve(options.worktree) }),
			});
			if (options.json) {
				printJson({ token, record });
				return exitCodes.ok;
			}
			print(token);
			if (process.stdout.isTTY)
				say(record.expiresAt ? `valid until ${new Date(record.expiresAt).toISOString()}` : "valid until it is revoked");
			return exitCodes.ok;
		});
	},
});
