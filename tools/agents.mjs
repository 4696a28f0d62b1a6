// Brings the programs of other people that `npm test -- --only agents` drives: coding agents' CLIs and the MCP tools.
// They are large (1 GB in all) and not ours to depend on, so they are installed beside the checkout and kept for the next time.
//   node tools/agents.mjs [NAME…]     all, or the named ones; prints the version of each
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { node24, setUp } from "./setup.mjs";

/** As they were tried with (docs/agents.md), each with the command that it brings. */
const packages = {
	claude: "@anthropic-ai/claude-code@2.1.329",
	codex: "@openai/codex@0.169.0",
	gemini: "@google/gemini-cli@0.61.0",
	opencode: "opencode-ai@1.18.33",
	"mcp-inspector": "@modelcontextprotocol/inspector@2.12.0",
	conformance: "@modelcontextprotocol/conformance@0.1.16",
};

const directory = join(tmpdir(), "covey-agents");

await setUp();
const wanted = process.argv.slice(2);
for (const [name, specification] of Object.entries(packages)) {
	if (wanted.length > 0 && !wanted.includes(name)) continue;
	const prefix = join(directory, name);
	if (installed(prefix) !== specification.split("@").at(-1)) bring(prefix, specification);
	process.stdout.write(`${name} ${installed(prefix)}\n`);
}

/** Under an older Node npm would choose older versions of some: ours comes first. */
function bring(prefix, specification) {
	process.stderr.write(`covey: installing ${specification} …\n`);
	mkdirSync(prefix, { recursive: true });
	const env = { ...process.env, PATH: `${dirname(node24)}${delimiter}${process.env.PATH}` };
	const words = ["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", prefix, specification];
	execFileSync("npm", words, { env, stdio: ["ignore", "ignore", "inherit"] });
}

function installed(prefix) {
	const [name] = /^.+(?=@)/.exec(packages[basename(prefix)]);
	const manifest = join(prefix, "node_modules", name, "package.json");
	return existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")).version : undefined;
}
