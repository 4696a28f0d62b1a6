import { basename } from "node:path/posix";
import type { ParserName } from "#mcp/reports/parser-names.ts";

/** What a script of `package.json` runs, in so far as arguments can be given to it. */
export interface ScriptTool {
	readonly name: string;
	readonly parser: ParserName;
	/** Words for one filter; absent when the tool has none, or could not take it behind what is there already. */
	readonly filter?: (text: string) => readonly string[];
	/** Words that make it mend what it can. */
	readonly fix?: readonly string[];
	/** It waits for changes and never ends. */
	readonly watches: boolean;
	/** The script runs nothing else. */
	readonly alone: boolean;
}

interface Known extends Pick<ScriptTool, "filter" | "fix"> {
	readonly parser: ParserName;
	/** The words that must follow, as `test` after `bun`. */
	readonly subcommand?: readonly string[];
	readonly watching?: RegExp;
}

const pattern = (option: string) => (text: string) => [`${option}=${text}`];

const known: Readonly<Record<string, Known>> = {
	vitest: { parser: "vitest", filter: pattern("--testNamePattern"), watching: /^(watch|dev|-w|--watch(=true)?)$/ },
	jest: { parser: "jest", filter: pattern("--testNamePattern"), watching: /^--watch(All)?(=true)?$/ },
	"react-scripts": { subcommand: ["test"], parser: "jest", filter: pattern("--testNamePattern"), watching: /^--watch(All)?(=true)?$/ },
	mocha: { parser: "auto", filter: pattern("--grep"), watching: /^(-w|--watch)$/ },
	playwright: { subcommand: ["test"], parser: "auto", filter: pattern("--grep") },
	bun: { subcommand: ["test"], parser: "auto", filter: pattern("--test-name-pattern"), watching: /^--watch$/ },
	eslint: { parser: "eslint", fix: ["--fix"] },
	next: { subcommand: ["lint"], parser: "eslint", fix: ["--fix"] },
	biome: { parser: "biome", fix: ["--write"] },
	oxlint: { parser: "auto", fix: ["--fix"] },
	tsc: { parser: "tsc", watching: /^(-w|--watch)$/ },
};

/**
 * The tool of the script's last command, to which arguments are appended; undefined when that is none we know. A command
 * that only runs another of `scripts` is that one.
 */
export function toolOf(script: string, scripts: Readonly<Record<string, string>> = {}, depth = 0): ScriptTool | undefined {
	const commands = commandsOf(script) ?? [];
	const tools = commands.map((words) => delegated(words, scripts, depth) ?? toolOfWords(unwrapped(words)));
	const last = tools.at(-1);
	if (last === undefined) return undefined;
	const { filter, ...rest } = last;
	// Other tests before would run unfiltered, and look as if they had been asked for.
	const several = tools.slice(0, -1).some((tool) => tool?.filter);
	return {
		...rest,
		...(filter && !several && { filter }),
		watches: tools.some((tool) => tool?.watches),
		alone: last.alone && commands.length === 1,
	};
}

function toolOfWords(words: readonly string[]): ScriptTool | undefined {
	const program = basename(words[0] ?? "").replace(/\.[cm]?js$/, "");
	if (program === "node" || program === "tsx") return nodeTool(words.slice(1));
	const tool = known[program];
	if (tool === undefined || !(tool.subcommand ?? []).every((word, index) => words[index + 1] === word)) return undefined;
	const { parser, filter, watching } = tool;
	// `biome ci` only ever judges.
	const fix = program === "biome" && !/^(check|lint)$/.test(words[1] ?? "") ? undefined : tool.fix;
	return {
		name: [program, ...(tool.subcommand ?? [])].join(" "),
		parser,
		...(filter && { filter }),
		...(fix && { fix }),
		watches: watching !== undefined && words.some((word) => watching.test(word)),
		alone: true,
	};
}

const delegationsMax = 3;

/** `npm run unit`, `yarn unit`: npm takes words for that script only behind a `--`. */
function delegated(words: readonly string[], scripts: Readonly<Record<string, string>>, depth: number): ScriptTool | undefined {
	const [manager, run, ...others] = words;
	if (!/^(npm|pnpm|yarn|bun)$/.test(manager ?? "") || depth >= delegationsMax) return undefined;
	const explicit = run === "run" || run === "run-script";
	const [name, rest] = explicit ? [others[0], others.slice(1)] : [run, others];
	if (name === undefined || !Object.hasOwn(scripts, name) || (!explicit && manager === "npm" && name !== "test")) return undefined;
	const tool = toolOf([scripts[name], ...rest.filter((word) => word !== "--")].join(" "), scripts, depth + 1);
	if (tool === undefined || manager !== "npm" || rest.includes("--")) return tool;
	const { filter, fix, ...same } = tool;
	return { ...same, ...(filter && { filter: (text) => ["--", ...filter(text)] }), ...(fix && { fix: ["--", ...fix] }) };
}

/** Node's own runner, or a tool that is started by its file, as `node node_modules/jest/bin/jest.js`. */
function nodeTool(words: readonly string[]): ScriptTool | undefined {
	const files = words.filter((word, index) => !word.startsWith("-") && !takesValue.test(words[index - 1] ?? ""));
	if (!words.includes("--test")) {
		const script = basename(files[0] ?? "").replace(/\.[cm]?js$/, "");
		return script in known && !known[script]!.subcommand ? toolOfWords([script, ...words.slice(words.indexOf(files[0]!) + 1)]) : undefined;
	}
	// Behind a file, Node takes words for further files.
	const filter = files.length === 0 ? { filter: pattern("--test-name-pattern") } : {};
	return { name: "node --test", parser: "node-test", ...filter, watches: words.includes("--watch"), alone: true };
}

const takesValue = /^(-r|--require|--import|--loader|--experimental-loader|--env-file|--conditions|-C)$/;
const wrapper = /^(npx|bunx|c8|nyc|env|cross-env|pnpm|yarn|dotenv)$/;

/** Without `A=b`, `npx`, `pnpm exec`, `c8` and the like in front. */
function unwrapped(words: readonly string[]): readonly string[] {
	let wrapped = false;
	const start = words.findIndex((word) => {
		const inFront = wrapper.test(word) || /^\w+=/.test(word) || (wrapped && /^(exec|-.*)$/.test(word));
		wrapped ||= wrapper.test(word);
		return !inFront;
	});
	return start < 0 ? [] : words.slice(start);
}

/** The commands of a shell line, each as its words; undefined when more than words and `&& || ; |` would have to be understood. */
function commandsOf(script: string): readonly (readonly string[])[] | undefined {
	const commands: string[][] = [[]];
	for (const [text, operator] of script.matchAll(/(&&|\|\||[;|&\n])|(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s;|&"'])+/g)) {
		if (operator) commands.push([]);
		else if (/^[#(){}]|\)$/.test(text)) return undefined;
		else commands.at(-1)!.push(text.replaceAll(/["']/g, ""));
	}
	return commands;
}
