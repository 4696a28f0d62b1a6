import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Source {
	/** Path from the root, with forward slashes. */
	readonly path: string;
	readonly text: string;
	readonly imports: readonly string[];
}

/** All TypeScript under these folders of the checkout. */
export function readSources(...folders: string[]): Source[] {
	return folders.flatMap((folder) =>
		readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
			.filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !/node_modules|\/dist\b|\.dist-/.test(entry.parentPath))
			.map((entry) => read(join(entry.parentPath, entry.name))),
	);
}

function read(file: string): Source {
	const text = readFileSync(file, "utf8");
	return { path: relative(root, file), text, imports: importsOf(text) };
}

/** Specifiers of static and dynamic imports and of re-exports, also over several lines. */
export function importsOf(text: string): string[] {
	const code = withoutComments(text);
	const found = [
		...code.matchAll(/^\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/gm),
		...code.matchAll(/^\s*import\s*["']([^"']+)["']/gm),
	];
	const dynamic = [...code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)];
	return [...found, ...dynamic].map((match) => match[1]!);
}

/** Comments blanked, strings kept; line numbers stay. */
export function withoutComments(text: string): string {
	return text.replace(
		/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
		(match, string?: string) => (string === undefined ? match.replace(/[^\n]/g, " ") : string),
	);
}
