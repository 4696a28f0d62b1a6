// Compiles the program into packages/covey/dist: one entry, lazily loaded chunks, and an entry per worker thread.
// Everything is bundled, so that a start reads few files and an installed package has no dependencies (docs/adr/0002).
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, "packages", "covey", "src");
const target = join(root, "packages", "covey", "dist");
const staging = join(root, "packages", "covey", `.dist-${process.pid}`);

/** A thread is started as `new Worker(new URL("./x.ts", import.meta.url))`; here each such file becomes an entry of its own. */
const threadPattern = /new URL\("\.\/([\w-]+)\.ts", import\.meta\.url\)/g;
const threadName = (file) => `thread-${relative(source, file).replaceAll("/", "-").replace(/\.ts$/, "")}`;

const started = Date.now();
const sources = listFiles(source).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
const threads = sources.flatMap((file) =>
	[...readFileSync(file, "utf8").matchAll(threadPattern)].map((match) => join(dirname(file), `${match[1]}.ts`)),
);

const result = await build({
	entryPoints: Object.fromEntries([["main", join(source, "main.ts")], ...threads.map((file) => [threadName(file), file])]),
	outdir: staging,
	bundle: true,
	splitting: true,
	format: "esm",
	platform: "node",
	target: "node24",
	chunkNames: "chunk-[hash]",
	legalComments: "linked",
	metafile: true,
	// Optional native speed-ups of ws; it does without.
	external: ["bufferutil", "utf-8-validate"],
	// Bundled CommonJS asks for `require`.
	banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
	plugins: [
		{ name: "threads", setup: (api) => api.onLoad({ filter: /\.ts$/ }, loadWithThreads) },
		{ name: "late", setup: (api) => api.onLoad({ filter: /node_modules\/ws\/lib\/(websocket|permessage-deflate)\.js$/ }, loadLate) },
	],
	logLevel: "warning",
});

publish();
writeFileSync(join(target, "THIRD_PARTY_LICENSES"), licenses(result.metafile));
writeFileSync(join(target, ".built"), "");
process.stderr.write(`covey: built ${readdirSync(target).length} files in ${Date.now() - started} ms\n`);

function loadWithThreads({ path }) {
	const text = readFileSync(path, "utf8");
	if (!path.startsWith(source)) return { contents: text, loader: "ts" };
	const contents = text.replace(
		threadPattern,
		(_, name) => `new URL("./${threadName(join(dirname(path), `${name}.ts`))}.js", import.meta.url)`,
	);
	return { contents, loader: "ts" };
}

/** Of Node's own modules, ws asks for some that it needs only with TLS or compression: `covey run` starts 4 ms sooner without them. */
function loadLate({ path }) {
	const contents = readFileSync(path, "utf8")
		.replace(/^const (https|tls|zlib) = require\('\1'\);$/gm, "")
		.replace(/\b(https|tls|zlib)\.(?=\w+\b)(?=request|connect|create|Z_)/g, "require('$1').");
	return { contents, loader: "js" };
}

/** Chunks first, the entry last, each by rename: a program that starts meanwhile sees the old build or the new one, and one that runs still finds its chunks. */
function publish() {
	mkdirSync(target, { recursive: true });
	const built = readdirSync(staging).sort((a, b) => Number(a === "main.js") - Number(b === "main.js"));
	for (const name of built) renameSync(join(staging, name), join(target, name));
	rmSync(staging, { recursive: true, force: true });
	const keep = new Set(built);
	const dayAgo = Date.now() - 24 * 3600 * 1000;
	for (const name of readdirSync(target)) {
		const file = join(target, name);
		if (!keep.has(name) && (process.argv.includes("--clean") || statSync(file).mtimeMs < dayAgo)) rmSync(file, { recursive: true });
	}
}

/** The licence of each bundled package, as it ships. */
function licenses(metafile) {
	const packages = new Set(Object.keys(metafile.inputs).flatMap((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[0] ?? []));
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
