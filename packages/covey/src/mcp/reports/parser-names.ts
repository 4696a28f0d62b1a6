/** Who reads a log. "auto" is for scripts that run several tools, "generic" for tools that nobody here knows. */
export const parserNames = [
	"auto",
	"generic",
	"cargo",
	"jest",
	"vitest",
	"node-test",
	"pytest",
	"go",
	"eslint",
	"biome",
	"ruff",
	"tsc",
	"gradle",
	"maven",
	"ctest",
] as const;
export type ParserName = (typeof parserNames)[number];

export function isParserName(name: unknown): name is ParserName {
	return parserNames.some((known) => known === name);
}
