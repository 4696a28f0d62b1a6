import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { findControlGroups } from "#host/process/control-group.ts";
import { probeIsolation } from "#host/process/isolation.ts";
import type { Check } from "./check.ts";

const call = promisify(execFile);
const nodeMajorMin = 24;
const gitMin: readonly [number, number] = [2, 38];
const freeBytesMin = 1024 ** 3;

/** What this machine brings. */
export const machineChecks: readonly Check[] = [
	{
		id: "system.node",
		async examine() {
			const major = Number(process.versions.node.split(".")[0]);
			if (major >= nodeMajorMin) return { status: "ok", detail: `Node ${process.versions.node}` };
			return {
				status: "fail",
				detail: `Node ${process.versions.node}; Covey needs ${nodeMajorMin} or newer`,
				fix: "start it with ./covey, which brings its own",
			};
		},
	},
	{
		id: "system.git",
		async examine() {
			const text = await say("git", ["--version"]);
			if (text === undefined) return { status: "fail", detail: "git is not on the PATH", fix: "install git 2.38 or newer" };
			const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(text)?.slice(1) ?? []).map(Number);
			const enough = major > gitMin[0] || (major === gitMin[0] && minor >= gitMin[1]);
			if (enough) return { status: "ok", detail: text.trim() };
			return { status: "fail", detail: `${text.trim()}; Covey needs ${gitMin.join(".")} or newer`, fix: "install a newer git" };
		},
	},
	{
		id: "system.disk",
		async examine({ paths }) {
			const free = await Promise.all([paths.state, paths.cache].map(async (path) => ({ path, bytes: await freeBytes(path) })));
			const detail = free.map(({ path, bytes }) => `${(bytes / 1024 ** 3).toFixed(1)} GiB free for ${path}`).join(", ");
			if (free.every(({ bytes }) => bytes >= freeBytesMin)) return { status: "ok", detail };
			return { status: "warn", detail, fix: "make room: worktrees and caches need it" };
		},
	},
	{
		id: "isolation.level",
		async examine() {
			const { level, means } = await probeIsolation(findControlGroups());
			const detail = `jobs can have level ${level} of 3 here: ${means}`;
			if (level >= 2) return { status: "ok", detail };
			return {
				status: "warn",
				detail: `${detail}; UNCONFINED: they can read what this user can`,
				fix: "install bubblewrap, and allow user namespaces",
			};
		},
	},
	{
		id: "tailnet.tailscale",
		async examine() {
			const text = await say("tailscale", ["status", "--json", "--peers=false"]);
			if (text === undefined) return { status: "skip", detail: "tailscale is not installed, or does not answer" };
			const { BackendState: state, TailscaleIPs: addresses } = JSON.parse(text) as { BackendState?: string; TailscaleIPs?: string[] };
			if (state === "Running") return { status: "ok", detail: `on the tailnet as ${addresses?.[0] ?? "nothing"}` };
			return { status: "warn", detail: `tailscale is ${state}`, fix: "tailscale up" };
		},
	},
];

/** A program's stdout, or undefined when it is missing or fails. An empty answer is one space, so that it counts. */
async function say(program: string, words: readonly string[]): Promise<string | undefined> {
	try {
		return (await call(program, words, { timeout: 5000 })).stdout || " ";
	} catch {
		return undefined;
	}
}

/** Of the nearest directory above that exists. */
async function freeBytes(path: string): Promise<number> {
	try {
		const { bavail, bsize } = await statfs(path);
		return bavail * bsize;
	} catch (error) {
		if (path === dirname(path)) throw error;
		return freeBytes(dirname(path));
	}
}
