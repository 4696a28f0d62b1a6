import { type Table, table } from "./manifest.ts";
import type { Preparation } from "./prepare.ts";
import type { ProjectFiles } from "./recipe.ts";

/** How one project's scripts are run, and its dependencies installed. */
export interface PackageManager {
	/** A script of the root. */
	script(name: string): readonly string[];
	/** A script of one member. */
	ofMember(member: string, name: string): readonly string[];
	/** A script of every member that has it. */
	everywhere(name: string): readonly string[];
	/** `everywhere` fails when a member has it not. */
	readonly allOrNone: boolean;
	/** A program of the dependencies. */
	execute(program: string): readonly string[];
	/** What stands between a script and the script's own arguments. */
	readonly separator: readonly string[];
	/** Undefined when the tree needs none. */
	readonly preparation: Preparation | undefined;
}

type Name = "npm" | "pnpm" | "yarn" | "bun";
type Words = (...names: string[]) => readonly string[];

interface Kind {
	readonly locks: readonly string[];
	readonly script: Words;
	readonly ofMember: Words;
	readonly everywhere: Words;
	readonly execute: Words;
	readonly separator?: readonly string[];
	readonly locked: string;
	/** Without a lockfile, and without writing one into the tree. */
	readonly unlocked: string;
	readonly version: string;
	/** Its npm package, from which npx can run it. */
	readonly package?: string;
}

const npmScript = (name: string): readonly string[] => (name === "test" ? ["npm", "test"] : ["npm", "run", name]);

/** In the order in which their lockfiles are believed, when several are there and `packageManager` says nothing. */
const kinds: Readonly<Record<Name, Kind>> = {
	pnpm: {
		locks: ["pnpm-lock.yaml"],
		script: (name) => ["pnpm", "run", name!],
		ofMember: (member, name) => ["pnpm", `--filter=${member}`, "run", name!],
		everywhere: (name) => ["pnpm", "--recursive", "run", name!],
		execute: (program) => ["pnpm", "exec", program!],
		locked: "CI=1 pnpm install --frozen-lockfile",
		unlocked: "CI=1 pnpm install --no-lockfile",
		version: "node -v",
		package: "pnpm",
	},
	yarn: {
		locks: ["yarn.lock"],
		script: (name) => ["yarn", "run", name!],
		ofMember: (member, name) => ["yarn", "workspace", member!, "run", name!],
		everywhere: (name) => ["yarn", "workspaces", "run", name!],
		execute: (program) => ["yarn", "run", program!],
		locked: "yarn install --frozen-lockfile",
		unlocked: "yarn install --no-lockfile",
		version: "node -v",
		package: "yarn",
	},
	bun: {
		locks: ["bun.lock", "bun.lockb"],
		script: (name) => ["bun", "run", name!],
		ofMember: (member, name) => ["bun", "run", `--filter=${member}`, name!],
		everywhere: (name) => ["bun", "run", "--filter=*", name!],
		execute: (program) => ["bunx", program!],
		locked: "bun install --frozen-lockfile",
		unlocked: "bun install --no-save",
		version: "bun --version",
	},
	npm: {
		locks: ["package-lock.json", "npm-shrinkwrap.json"],
		script: (name) => npmScript(name!),
		ofMember: (member, name) => [...npmScript(name!), `--workspace=${member}`],
		everywhere: (name) => [...npmScript(name!), "--workspaces", "--if-present"],
		execute: (program) => ["npx", program!],
		separator: ["--"],
		locked: "npm ci --no-audit --no-fund",
		unlocked: "npm install --no-package-lock --no-audit --no-fund",
		version: "node -v",
	},
};

/** Yarn from version 2 on has other words, and may do without `node_modules`. */
const modernYarn: Partial<Kind> = {
	everywhere: (name) => ["yarn", "workspaces", "foreach", "--all", "run", name!],
	locked: "yarn install --immutable",
	unlocked: "YARN_ENABLE_IMMUTABLE_INSTALLS=0 yarn install",
	package: "@yarnpkg/cli-dist",
};

/** By `packageManager` in `package.json`, else by the lockfile, else npm. */
export async function packageManagerOf(files: ProjectFiles, manifest: Table): Promise<PackageManager> {
	const names = new Set(await files.list(""));
	const stated = statedIn(manifest);
	const order = Object.keys(kinds) as Name[];
	const locked = order.find((name) => kinds[name].locks.some((lock) => names.has(lock)));
	const name = stated?.name ?? locked ?? "npm";
	const lock = kinds[name].locks.find((lock) => names.has(lock));
	const modern = name === "yarn" && (names.has(".yarnrc.yml") || Number.parseInt(stated?.version ?? "1", 10) > 1);
	const kind: Kind = { ...kinds[name], ...(modern && modernYarn) };
	return {
		script: kind.script,
		ofMember: kind.ofMember,
		everywhere: kind.everywhere,
		allOrNone: name === "yarn" && !modern,
		execute: kind.execute,
		separator: kind.separator ?? [],
		preparation: await preparationOf(files, { manifest, kind, name, version: stated?.version, lock, modern }),
	};
}

function statedIn(manifest: Table): { readonly name: Name; readonly version: string } | undefined {
	const text = manifest.packageManager;
	const [, name, version] = (typeof text === "string" && /^(npm|pnpm|yarn|bun)@(\d+(?:\.[\w-]+)*)/.exec(text)) || [];
	return name === undefined ? undefined : { name: name as Name, version: version! };
}

interface Found {
	readonly manifest: Table;
	readonly kind: Kind;
	readonly name: string;
	readonly version: string | undefined;
	readonly lock: string | undefined;
	readonly modern: boolean;
}

/** A fresh worktree has no dependencies, since git ignores them; unless they are tracked, or none are declared. */
async function preparationOf(
	files: ProjectFiles,
	{ manifest, kind, name, version, lock, modern }: Found,
): Promise<Preparation | undefined> {
	const declared = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
	const workspace = "workspaces" in manifest || (await files.read("pnpm-workspace.yaml")) !== undefined;
	const needs = workspace || declared.some((key) => Object.keys(table(manifest, key)).length > 0);
	const plain = !modern || /^nodeLinker:\s*["']?(node-modules|pnpm)/m.test((await files.read(".yarnrc.yml")) ?? "");
	// What is ignored is on this disk at most, and not in the snapshot: only a listing tells.
	const made = plain ? "node_modules" : ".pnp.cjs";
	const tracked = (await files.list("")).includes(made) && (!plain || (await files.list(made)).length > 0);
	if (!needs || tracked) return undefined;
	const install = lock === undefined ? kind.unlocked : kind.locked;
	const input = lock ?? "package.json";
	return {
		install,
		makes: plain ? "node_modules" : ".yarn",
		...(!plain && { also: ".pnp.cjs" }),
		inputs: [input],
		version: kind.version,
		...(kind.package && { brought: { tool: name, from: version ? `${kind.package}@${version}` : kind.package } }),
		because: `\`${install.replace(/^[A-Z_]+=\S+ /, "")}\` first, unless ${made} is of this ${input}`,
	};
}
