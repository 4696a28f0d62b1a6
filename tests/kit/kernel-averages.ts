import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Machine } from "./machine.ts";

/** What the kernel tells of its load, on a machine for which a test writes it. Dispose of its machine first. */
export class KernelAverages implements Disposable {
	readonly directory = mkdtempSync(join(tmpdir(), "covey-averages-"));

	constructor() {
		this.tell({});
	}

	/** In percent of the last ten seconds: some waited for a core, all waited for a disk. `load`: over the last minute. */
	tell({ cpu = 0, io = 0, load = 0 }: { readonly cpu?: number; readonly io?: number; readonly load?: number }): void {
		const line = (kind: string, percent: number) => `${kind} avg10=${percent.toFixed(2)} avg60=0.00 avg300=0.00 total=1\n`;
		writeFileSync(join(this.directory, "cpu"), line("some", cpu) + line("full", 0));
		writeFileSync(join(this.directory, "io"), line("some", io) + line("full", io));
		writeFileSync(join(this.directory, "memory"), line("some", 0) + line("full", 0));
		writeFileSync(join(this.directory, "loadavg"), `${load.toFixed(2)} 0.00 0.00 1/1 1\n`);
	}

	/** Its programs see these files in place of the kernel's. It takes the right to mount. */
	machine(): Promise<Machine> {
		const mounts = `mount --bind ${this.directory} /proc/pressure && mount --bind ${this.directory}/loadavg /proc/loadavg && exec "$@"`;
		return Machine.create({ prefix: ["unshare", "--mount", "sh", "-c", mounts, "sh"] });
	}

	[Symbol.dispose](): void {
		rmSync(this.directory, { recursive: true });
	}
}
