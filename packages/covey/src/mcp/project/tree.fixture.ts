import type { ProjectFiles } from "./recipe.ts";

/** A tree of these files, by path. */
export function treeOf(contents: Readonly<Record<string, string>>): ProjectFiles {
	const paths = Object.keys(contents);
	return {
		read: (path) => Promise.resolve(contents[path]),
		list: (directory) => {
			const start = directory === "" ? "" : `${directory}/`;
			const names = paths.filter((path) => path.startsWith(start)).map((path) => path.slice(start.length).split("/")[0]!);
			return Promise.resolve([...new Set(names)]);
		},
	};
}
