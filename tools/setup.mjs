// Makes a fresh checkout ready: dependencies (which bring Node 24) and, with --build, the compiled program.
// Runs on any Node >= 20, without a dependency. Several at once wait for the first. Talks on stderr only.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".covey-ready");
const lock = join(root, ".covey-setup");
export const node24 = join(root, "node_modules", "node", "bin", "node");

/** @returns true when it installed something. Throws with the output of the step that failed. */
export async function setUp({ build = false } = {}) {
	await acquire();
	try {
		const installed = !isInstalled();
		if (installed) install();
		if (build) run("building", node24, [join(root, "tools", "build.mjs")]);
		return installed;
	} finally {
		rmSync(lock, { recursive: true, force: true });
	}
}

function isInstalled() {
	return existsSync(node24) && existsSync(stamp) && statSync(stamp).mtimeMs > statSync(join(root, "package-lock.json")).mtimeMs;
}

function install() {
	// Not `npm ci`: it refuses a lockfile written where a registry lacks the binaries of other platforms. The versions are the lockfile's all the same.
	run("installing dependencies (once)", "npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
	if (!existsSync(node24)) throw new Error(`npm installed the dependencies but ${node24} is missing: were install scripts refused?`);
	writeFileSync(stamp, "");
}

function run(what, command, args) {
	process.stderr.write(`covey: ${what} …\n`);
	const result = spawnSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 });
	if (result.error) throw new Error(`${what}: cannot run ${command}: ${result.error.message}`);
	if (result.status !== 0) throw new Error(`${what} failed (exit ${result.status ?? result.signal}):\n${result.stdout}${result.stderr}`);
}

/** A directory with the owner's pid in it; the lock of a dead owner is taken over. */
async function acquire() {
	for (let told = false; ; ) {
		try {
			mkdirSync(lock);
			writeFileSync(join(lock, "pid"), String(process.pid));
			return;
		} catch (error) {
			if (error.code !== "EEXIST") throw error;
		}
		if (isAbandoned()) rmSync(lock, { recursive: true, force: true });
		else if (!told) process.stderr.write("covey: waiting for another set-up of this checkout …\n");
		told = true;
		await new Promise((resolve) => setTimeout(resolve, 200));
	}
}

function isAbandoned() {
	try {
		process.kill(Number(readFileSync(join(lock, "pid"), "utf8")), 0);
		return false;
	} catch (error) {
		// A lock without a pid is being made right now, unless it is old.
		if (error.code === "ENOENT") return existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 10_000;
		return error.code === "ESRCH";
	}
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	try {
		await setUp({ build: process.argv.includes("--build") });
	} catch (error) {
		process.stderr.write(`covey: ${error.message}\n`);
		process.exit(3);
	}
}
