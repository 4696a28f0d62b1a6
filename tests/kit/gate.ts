import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Holds jobs until a test says so: they run `${gate.wait}` in their shell and go on when it is opened. */
export class Gate implements Disposable {
	readonly #directory = mkdtempSync(join(tmpdir(), "covey-gate-"));
	readonly #file = join(this.#directory, "open");

	get wait(): string {
		return `while [ -d ${this.#directory} ] && [ ! -e ${this.#file} ]; do sleep 0.05; done`;
	}

	open(): void {
		writeFileSync(this.#file, "");
	}

	[Symbol.dispose](): void {
		this.open();
		rmSync(this.#directory, { recursive: true, force: true });
	}
}
