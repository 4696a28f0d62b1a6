// Writes what the documentation takes from the code: node tools/node24.mjs tools/docs.ts
// `tests/architecture/docs.test.ts` fails while a page differs from what this would write.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorTable, operations, outcomes } from "@covey/protocol";
import { exitCodeMeanings } from "#cli/exit-code-table.ts";
import {
	attemptTransitions,
	diagram,
	leaseTransitions,
	type TransitionTable,
	taskTransitions,
	workerTransitions,
} from "#core/transitions.ts";
import { projectTables } from "./project-tables.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const projects = await projectTables();

/** The parts by page and name: what stands between `<!-- name -->` and `<!-- /name -->`. */
const parts: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
	"docs/task-states.md": {
		task: () => moves(taskTransitions),
		outcomes: outcomeTable,
		attempt: () => moves(attemptTransitions),
		lease: () => moves(leaseTransitions),
		worker: () => moves(workerTransitions),
	},
	"docs/exit-codes.md": {
		codes: () =>
			markdownTable(
				["code", "meaning"],
				exitCodeMeanings.map(([code, meaning]) => [String(code), meaning]),
			),
	},
	"docs/http-api.md": { operations: operationTable, errors: errorsTable },
	"docs/projects.md": {
		order: () => projects.order,
		verbs: () => markdownTable(...projects.verbs),
		arguments: () => markdownTable(...projects.arguments),
		preparations: () => markdownTable(...projects.preparations),
		keys: () => markdownTable(...projects.keys),
	},
};

export const generatedPages: readonly string[] = Object.keys(parts);

/** The page with each of its generated parts as the code has it now. @throws when a part's marks are missing. */
export function renewed(page: string): string {
	let text = readFileSync(join(root, page), "utf8");
	for (const [name, render] of Object.entries(parts[page]!)) {
		const [before, rest] = split(text, `<!-- ${name} -->\n`, page);
		const [, after] = split(rest, `<!-- /${name} -->`, page);
		text = `${before}<!-- ${name} -->\n\n${render().trim()}\n\n<!-- /${name} -->${after}`;
	}
	return text;
}

function split(text: string, mark: string, page: string): [string, string] {
	const at = text.indexOf(mark);
	if (at < 0) throw new Error(`${page} has no ${mark.trim()}`);
	return [text.slice(0, at), text.slice(at + mark.length)];
}

function moves<State extends string>(table: TransitionTable<State>): string {
	return `\`\`\`mermaid\n${diagram(table)}\`\`\``;
}

function outcomeTable(): string {
	const head = ["outcome", "the task is then", "the fleet's fault", "exit code of `covey run`", "what happened"];
	const rows = Object.entries(outcomes).map(([name, { status, infrastructure, exitCode, sentence }]) => [
		`\`${name}\``,
		`\`${status}\``,
		infrastructure ? "yes" : "",
		exitCode?.toString() ?? "the command's",
		sentence,
	]);
	return markdownTable(head, rows);
}

function operationTable(): string {
	const rows = Object.entries(operations).map(([name, { method, path, roles, summary }]) => [
		`\`${name}\``,
		`\`${method} ${path}\``,
		roles.join(", "),
		summary,
	]);
	return markdownTable(["operation", "HTTP", "role", "what it does"], rows);
}

function errorsTable(): string {
	const rows = Object.entries(errorTable).map(([code, { http, close, exit, retry }]) => [
		`\`${code}\``,
		String(http),
		String(close),
		String(exit),
		retry,
	]);
	return markdownTable(["code", "HTTP", "WebSocket close", "exit code", "try again"], rows);
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]!.length)));
	const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
	return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	for (const page of generatedPages) writeFileSync(join(root, page), renewed(page));
}
