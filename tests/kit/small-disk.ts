import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A disk of few megabytes of its own, which a test can fill. Dispose of whoever writes there first. */
export class SmallDisk implements Disposable {
	readonly directory = mkdtempSync(join(tmpdir(), "covey-disk-"));

	constructor(megabytes: number) {
		try {
			execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "covey-test", this.directory], { stdio: "pipe" });
		} catch (error) {
			rmSync(this.directory, { recursive: true });
			throw error;
		}
	}

	/** Takes every byte that is left. */
	fill(): void {
		for (const bytes of [1024 * 1024, 4096]) {
			for (let i = 0; i < 4096; i++) {
				try {
					writeFileSync(join(this.directory, `filler-${bytes}`), Buffer.alloc(bytes), { flag: "a" });
				} catch (error) {
					if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
					break;
				}
			}
		}
	}

	free(): void {
		for (const bytes of [1024 * 1024, 4096]) rmSync(join(this.directory, `filler-${bytes}`), { force: true });
	}

	[Symbol.dispose](): void {
		execFileSync("umount", [this.directory], { stdio: "pipe" });
		rmSync(this.directory, { recursive: true });
	}
}

/** Mounting a file system needs root. */
export const noSmallDisks: boolean = !canMount();

function canMount(): boolean {
	try {
		using _ = new SmallDisk(1);
		return true;
	} catch {
		return false;
	}
}
