// Compiles the program into packages/covey/dist: one entry, lazily loaded chunks, and an entry per worker thread.
// Everything is bundled, so that a start reads few files and an installed package has no dependencies (docs/adr/0002).
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { lateBuiltins } from "./late-builtins.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, "packages", "covey", "src");
const target = join(root, "packages", "covey", "dist");
const staging = join(root, "packages", "covey", `.dist-${process.pid}`);

/** A thread is started as `new Worker(new URL("./x.ts", import.meta.url))`; here each such file becomes an entry of its own. */
const threadPattern = /new URL\("\.\/([\w-]+)\.ts", import\.meta\.url\)/g;
const threadName = (file) => `thread-${relative(source, file).replaceAll("/", "-").replace(/\.ts$/, "")}`;

process.on("exit", () => rmSync(staging, { recursive: true, force: true }));

const started = Date.now();
const sources = listFiles(source).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
const threads = sources.flatMap((file) =>
	[...readFileSync(file, "utf8").matchAll(threadPattern)].map((match) => join(dirname(file), `${match[1]}.ts`)),
);

/** What is loaded on demand. */
const lazyPattern = /\bimport\("(#|\.\/)([^"]+\.ts)"\)/g;
const program = join(source, "cli", "program.ts");
const lazy = new Set(
	sources.flatMap((file) =>
		[...readFileSync(file, "utf8").matchAll(lazyPattern)].map(([, from, path]) => join(from === "#" ? source : dirname(file), path)),
	),
);
lazy.delete(program);

const shared = {
	absWorkingDir: root,
	outdir: staging,
	bundle: true,
	format: "esm",
	platform: "node",
	target: "node24",
	legalComments: "linked",
	metafile: true,
	logLevel: "warning",
	// Optional native speed-ups of ws; it does without. React without what is for developing with it.
	define: {
		"process.env.WS_NO_BUFFER_UTIL": "true",
		"process.env.WS_NO_UTF_8_VALIDATE": "true",
		"process.env.NODE_ENV": '"production"',
		"process.env.DEV": '"false"',
	},
	alias: { "react-devtools-core": join(root, "tools", "nothing.mjs") },
};
const [inChunks, inThreads] = await Promise.all([
	build({
		...shared,
		entryPoints: { program },
		splitting: true,
		chunkNames: "chunk-[hash]",
		plugins: [lateBuiltins, { name: "program", setup: (api) => api.onLoad({ filter: /\.ts$/ }, loadForProgram) }],
	}),
	build({ ...shared, entryPoints: Object.fromEntries(threads.map((file) => [threadName(file), file])), plugins: [lateBuiltins] }),
]);
const chunk = await makeScript(inChunks.metafile.outputs);
const inMain = await build({
	...shared,
	entryPoints: { main: join(source, "main.ts") },
	plugins: [
		lateBuiltins,
		{ name: "main", setup: (api) => api.onResolve({ filter: /\/program\.ts$/ }, () => ({ path: `./${chunk}`, external: true })) },
	],
});

publish();
writeFileSync(join(target, "THIRD_PARTY_LICENSES"), licenses([inChunks, inThreads, inMain]));
writeFileSync(join(target, ".built"), "");
process.stderr.write(`covey: built ${readdirSync(target).length} files in ${Date.now() - started} ms\n`);

/**
 * Of the chunk that begins the program a script is made, which can be run with all of its functions compiled already;
 * in the chunk's place comes a module that runs it and has the same exports.
 * @returns the chunk's name.
 */
async function makeScript(outputs) {
	const [path, { exports, imports }] = Object.entries(outputs).find(([, { inputs }]) => inputs[relative(root, program)]?.bytesInOutput > 0);
	const shares = imports.filter(({ kind }) => kind === "import-statement").map((used) => outputs[used.path]);
	if (shares.some(({ inputs }) => Object.keys(inputs).length > 0))
		throw new Error("the program's first chunk shares code with another: lazyPattern has missed one");
	const chunk = basename(path);
	const common = { ...shared, splitting: false, legalComments: "none", outdir: undefined, write: false, absWorkingDir: staging };
	const chunks = { name: "chunks", setup: (api) => api.onResolve({ filter: /^\.\/chunk-/ }, laterChunk) };
	const [body] = (await build({ ...common, entryPoints: [join(staging, chunk)], format: "cjs", plugins: [chunks] })).outputFiles;
	// A script cannot import; the module imports for it.
	const text = body.text.replaceAll('import("', 'load("');
	const script = `script-${createHash("sha256").update(text).digest("hex").slice(0, 16)}.cjs`;
	writeFileSync(join(staging, script), text);
	const contents = `import { runCached } from "#cli/code-cache.ts";
		const program = { file: import.meta.dirname + "/${script}", purpose: process.argv[2] ?? "", load: (path) => import(path) };
		export const { ${exports.join(", ")} } = runCached(program);`;
	const [module] = (await build({ ...common, stdin: { contents, resolveDir: source }, plugins: [lateBuiltins] })).outputFiles;
	writeFileSync(join(staging, chunk), module.text);
	rmSync(join(staging, "program.js"));
	return chunk;
}

function laterChunk({ path, kind }) {
	return kind === "dynamic-import" ? { path, external: true } : undefined;
}

/**
 * Whatever is loaded on demand says that it needs the program, which is there already when that happens. So all that the
 * program begins with is needed by the same files, and becomes one chunk; else there would be one per set of commands
 * that share something, and `covey run` would read thirty.
 */
function loadForProgram({ path }) {
	const text = readFileSync(path, "utf8");
	if (!path.startsWith(source)) return { contents: text, loader: "ts" };
	const contents = text.replace(
		threadPattern,
		(_, name) => `new URL("./${threadName(join(dirname(path), `${name}.ts`))}.js", import.meta.url)`,
	);
	return { contents: lazy.has(path) ? `import "#cli/program.ts";${contents}` : contents, loader: "ts" };
}

/** Chunks first, the entry last, each by rename: a program that starts meanwhile sees the old build or the new one, and one that runs still finds its chunks. */
function publish() {
	mkdirSync(target, { recursive: true });
	const built = readdirSync(staging).sort((a, b) => Number(a === "main.js") - Number(b === "main.js"));
	for (const name of built) renameSync(join(staging, name), join(target, name));
	const keep = new Set(built);
	const dayAgo = Date.now() - 24 * 3600 * 1000;
	for (const name of readdirSync(target)) {
		const file = join(target, name);
		if (!keep.has(name) && (process.argv.includes("--clean") || statSync(file).mtimeMs < dayAgo)) rmSync(file, { recursive: true });
	}
}

/** The licence of each bundled package, as it ships. */
function licenses(results) {
	const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs)).filter((input) => !input.startsWith("builtin-"));
	const packages = new Set(inputs.flatMap((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[0] ?? []));
	return [...packages]
		.sort()
		.map((directory) => {
			const path = join(root, directory);
			const { name, version, license } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
			const file = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry));
			return `${name} ${version} (${license})\n\n${file ? readFileSync(join(path, file), "utf8") : ""}`;
		})
		.join(`\n${"-".repeat(80)}\n\n`);
}

function listFiles(directory) {
	return readdirSync(directory, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name));
}
