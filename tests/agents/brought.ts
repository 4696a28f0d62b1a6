import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Programs of other people, as `tools/agents.mjs` brings them. */
export type Brought = "claude" | "codex" | "gemini" | "opencode" | "mcp-inspector" | "conformance";

export function broughtProgram(name: Brought): string {
	return join(tmpdir(), "covey-agents", name, "node_modules", ".bin", name);
}

/** These tests are wanted, and their programs are there: `npm test -- --only agents` sees to both. */
export const wanted = (...names: readonly Brought[]): boolean =>
	process.env.COVEY_TEST_AGENTS === "1" && names.every((name) => existsSync(broughtProgram(name)));

/** In the title of a test that needs them. */
export const needs = "[needs the agents' CLIs: npm test -- --only agents]";
