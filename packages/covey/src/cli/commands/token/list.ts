import type { TokenRecordView } from "@covey/protocol/tokens";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { ago, plain, renderTable } from "#cli/table.ts";
import { dataStyle, print, printJson, say } from "#cli/terminal.ts";

export const list = defineCommand<{ readonly json?: boolean }>({
	options: [jsonOption],
	run: ({ options }) =>
		withFleet(async (fleet) => {
			const listed = await fleet.call("token.list", {});
			if (options.json) printJson(listed);
			else if (listed.tokens.length === 0) say("no tokens");
			else print(tokenTable(listed.tokens, Date.now()));
			return exitCodes.ok;
		}),
});

function tokenTable(tokens: readonly TokenRecordView[], now: number): string {
	const rows = tokens.map((token) => [
		token.id,
		token.kind === "join" ? `join${token.name === undefined ? "" : ` ${token.name}`}` : token.roles.join(","),
		tokenState(token, now),
		token.namespaces.join(",") || "all",
		`${ago(token.createdAt, now)} by ${plain(token.createdBy)}`,
		plain(token.label),
	]);
	return renderTable(["TOKEN", "FOR", "STATE", "NAMESPACES", "MADE", "LABEL"], rows, dataStyle.bold);
}

function tokenState(token: TokenRecordView, now: number): string {
	if (token.revoked) return dataStyle.red("revoked");
	if (token.expiresAt !== undefined && token.expiresAt <= now) return dataStyle.yellow("expired");
	if (token.usesLeft === 0) return dataStyle.yellow("used");
	return dataStyle.green("valid");
}
