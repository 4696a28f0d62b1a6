import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { holdGit } from "./git.ts";
import { createScratchRepository } from "./scratch-repository.ts";

/** Processes that wait to become git in this directory. */
function waiting(directory: string): number[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.map(Number)
		.filter((pid) => {
			try {
				const words = readFileSync(`/proc/${pid}/cmdline`, "utf8");
				return words.startsWith("sh\0") && words.includes(directory);
			} catch {
				return false;
			}
		});
}

async function until(holds: () => boolean): Promise<void> {
	while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const head = (root: string) => ({ trust: "own", directory: root, arguments: ["-C", root, "rev-parse", "HEAD"] }) as const;

test("git that is held does nothing before it is let go, and answers then with what holds then", async () => {
	using scratch = createScratchRepository();
	using held = holdGit(head(scratch.root));
	scratch.commit();
	expect((await held.go()).toString()).toBe(scratch.git("rev-parse", "HEAD"));
});

test("git that is held and lost is started anew, and its failure is told as any other", async () => {
	using scratch = createScratchRepository();
	using held = holdGit(head(scratch.root));
	await until(() => waiting(scratch.root).length === 1);
	for (const pid of waiting(scratch.root)) process.kill(pid, "SIGKILL");
	await until(() => waiting(scratch.root).length === 0);
	expect((await held.go()).toString()).toBe(scratch.git("rev-parse", "HEAD"));
	using failing = holdGit({ ...head(scratch.root), arguments: ["rev-parse", "--verify", "no-such-ref"] });
	await expect(failing.go()).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("git rev-parse ended with 128") });
	using given = holdGit(head(scratch.root));
	await expect(given.go(AbortSignal.abort(new Error("given up")))).rejects.toThrow("given up");
});

test("git that is held and not wanted leaves no process", async () => {
	using scratch = createScratchRepository();
	holdGit(head(scratch.root))[Symbol.dispose]();
	await until(() => waiting(scratch.root).length === 0);
});
