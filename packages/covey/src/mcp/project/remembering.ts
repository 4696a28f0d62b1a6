import type { ProjectFiles } from "./recipe.ts";

/** The same files, each read and each directory listed once, however many look. */
export function remembering(files: ProjectFiles): ProjectFiles {
	const reads = new Map<string, Promise<string | undefined>>();
	const lists = new Map<string, Promise<readonly string[]>>();
	return {
		read: (path) => remember(reads, path, () => files.read(path)),
		list: (directory) => remember(lists, directory, () => files.list(directory)),
	};
}

/** The files below one directory, as if it were the root. */
export function below(files: ProjectFiles, directory: string): ProjectFiles {
	return {
		read: (path) => files.read(`${directory}/${path}`),
		list: (path) => files.list(path === "" ? directory : `${directory}/${path}`),
	};
}

function remember<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
	const before = known.get(key);
	if (before) return before;
	const answer = ask();
	known.set(key, answer);
	return answer;
}
