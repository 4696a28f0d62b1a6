import { readJson, type Table, table, texts } from "./manifest.ts";
import { expand, type Member } from "./members.ts";
import { type PackageManager, packageManagerOf } from "./package-manager.ts";
import type { ProjectFiles } from "./recipe.ts";

/** A `package.json` and those of its workspaces. */
export interface NodeWorkspace {
	readonly root: NodePackage;
	readonly manager: PackageManager;
	readonly members: readonly NodePackage[];
}

export interface NodePackage extends Member {
	readonly scripts: Readonly<Record<string, string>>;
	readonly manifest: Table;
}

export async function readNodeWorkspace(files: ProjectFiles): Promise<NodeWorkspace> {
	const manifest = (await readJson(files, "package.json")) ?? {};
	const manager = await packageManagerOf(files, manifest);
	const { workspaces } = manifest;
	const patterns = [...texts(workspaces), ...texts(table(workspaces).packages), ...(await pnpmPatterns(files))];
	const members = await Promise.all((await expand(files, patterns)).map((directory) => readMember(files, directory)));
	return { root: packageOf(manifest, ""), manager, members: members.filter((member) => member !== undefined) };
}

async function readMember(files: ProjectFiles, directory: string): Promise<NodePackage | undefined> {
	const manifest = await readJson(files, `${directory}/package.json`);
	return manifest && packageOf(manifest, directory);
}

function packageOf(manifest: Table, directory: string): NodePackage {
	const scripts = Object.entries(table(manifest, "scripts")).filter(([, script]) => typeof script === "string" && !isPlaceholder(script));
	const name = typeof manifest.name === "string" ? manifest.name : directory;
	return { name, directory, manifest, scripts: Object.fromEntries(scripts) as Record<string, string> };
}

/** What `npm init` writes for want of tests. */
const isPlaceholder = (script: string): boolean => /^echo .*no test specified.* && exit 1$/.test(script);

/** The list under `packages:` of `pnpm-workspace.yaml`, as everybody writes it. */
async function pnpmPatterns(files: ProjectFiles): Promise<readonly string[]> {
	const lines = ((await files.read("pnpm-workspace.yaml")) ?? "").split("\n");
	const after = lines.slice(lines.findIndex((line) => /^packages:/.test(line)) + 1);
	const end = after.findIndex((line) => /^\S/.test(line) && !/^[-#]/.test(line));
	return after
		.slice(0, end < 0 ? undefined : end)
		.map((line) => /^\s*-\s*["']?([^"'#]+?)["']?\s*(?:#.*)?$/.exec(line)?.[1])
		.filter((pattern) => pattern !== undefined);
}
