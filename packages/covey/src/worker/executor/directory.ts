import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmdirSync } from "node:fs";
import { rm } from "node:fs/promises";

/** Removes it with all that is in it, also what a tool made read-only (as Go's module cache does). Never throws: what stays is only space. */
export async function removeDirectory(path: string): Promise<void> {
	try {
		// Mostly it is empty, and this is a tenth of the time.
		rmdirSync(path);
		return;
	} catch {
		// It is not, or it is gone.
	}
	try {
		await rm(path, { recursive: true, force: true });
	} catch {
		await once(spawn("chmod", ["-R", "u+rwX", path], { stdio: "ignore" }), "close").catch(() => {});
		await rm(path, { recursive: true, force: true }).catch(() => {});
	}
}
