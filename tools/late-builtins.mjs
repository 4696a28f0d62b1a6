// For esbuild: Node's own modules are loaded when they are first used. Loading http, crypto, streams and the like takes
// 10 ms, which would stand before the first thing that a command does; so it happens meanwhile, or never.
import { builtinModules } from "node:module";

/** These are there before any program starts: nothing is won by asking for them late. */
const early = new Set(["buffer", "events", "fs", "module", "path", "process", "timers", "url", "util"]);
const all = new Set(builtinModules.map(bareName));

/**
 * A function is called through one that loads its module; what else a module has (classes, constants) is read when the
 * file that imports it is evaluated. Each file that
 * imports has a copy, of which only what it uses stays in the bundle.
 */
export const lateBuiltins = {
	name: "late-builtins",
	setup(api) {
		api.onResolve({ filter: /^(node:)?[a-z0-9_/]+$/ }, ({ path, kind, importer }) => {
			const name = bareName(path);
			if (kind === "dynamic-import" || !all.has(name)) return undefined;
			if (kind === "require-call") return { path: name, namespace: "builtin-required" };
			return { path: `${name} for ${importer}`, namespace: "builtin-imported", pluginData: name, sideEffects: false };
		});
		api.onLoad({ filter: /.*/, namespace: "builtin-imported" }, ({ pluginData }) => ({ contents: imported(pluginData) }));
		api.onLoad({ filter: /.*/, namespace: "builtin-required" }, ({ path }) => ({ contents: `module.exports = ${whole(path)};` }));
	},
};

function imported(name) {
	const lines = members(name).map(({ key, late, value }) => {
		return `const _${key} = ${late ? value : `/* @__PURE__ */ (() => ${value})()`};\nexport { _${key} as ${key} };`;
	});
	return `${lines.join("\n")}\nexport default /* @__PURE__ */ (() => (${whole(name)}))();\n`;
}

/** The module as one object. A few are functions, with members beside. */
function whole(name) {
	if (early.has(name) || typeof builtin(name) === "function") return `process.getBuiltinModule("node:${name}")`;
	return `{ ${members(name)
		.map(({ key, late, value }) => (late ? `${key}: ${value}` : `get ${key}() { return ${value}; }`))
		.join(", ")} }`;
}

function members(name) {
	const module = builtin(name);
	return Object.keys(module)
		.filter((key) => key !== "default")
		.map((key) => {
			const late = !early.has(name) && isPlainFunction(Object.getOwnPropertyDescriptor(module, key).value);
			const member = `process.getBuiltinModule("node:${name}").${key}`;
			return { key, late, value: late ? `(...args) => ${member}(...args)` : member };
		});
}

/** No class, and nothing hangs on it, as `util.promisify` looks for on `execFile`. */
function isPlainFunction(value) {
	if (typeof value !== "function" || /^[A-Z]/.test(value.name)) return false;
	return Reflect.ownKeys(value).every((key) => ["length", "name", "prototype", "arguments", "caller"].includes(key));
}

function builtin(name) {
	return process.getBuiltinModule(`node:${name}`);
}

function bareName(path) {
	return path.replace(/^node:/, "");
}
