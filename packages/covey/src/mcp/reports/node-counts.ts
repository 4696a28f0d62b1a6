import { plural } from "./amounts.ts";
import { nothingRan } from "./nothing-ran.ts";
import type { TestCounts } from "./report.ts";
import { addCounts, noTests, ranNone } from "./test-counts.ts";

/**
 * The counts of Node's own runner, run after run. Node 20 counts the tests that a filter passed over as skipped; later
 * versions do not count them, but of a file in which no test ran the file itself, as one test that passed.
 */
export class NodeCounts {
	readonly #filter: string | undefined;
	/** Of the run that is being told. */
	readonly #told = new Map<string, number>();
	#filesOfRun = 0;
	#tests: TestCounts | undefined;
	#files = 0;
	#passedOver = 0;

	constructor(filter: string | undefined) {
		this.#filter = filter;
	}

	/** One line of a summary. */
	tell(what: string, amount: number): void {
		this.#told.set(what, amount);
	}

	/** A test passed, or what Node takes for one: it stands by itself, in no suite. */
	pass(name: string): void {
		if (/\.[cm]?[jt]sx?$/.test(name)) this.#filesOfRun += 1;
	}

	/** A test did not run because its name does not match. */
	passOver(): void {
		this.#passedOver += 1;
	}

	get isRunComplete(): boolean {
		return this.#told.has("tests") && this.#told.has("pass") && this.#told.has("fail");
	}

	/** Adds the run, if its summary was told. */
	endRun(): void {
		const of = (what: string): number => this.#told.get(what) ?? 0;
		if (this.isRunComplete) {
			const files = Math.min(this.#filesOfRun, of("pass"));
			this.#files += files;
			this.#tests = addCounts(this.#tests, {
				passed: of("pass") - (this.#filter === undefined ? 0 : files),
				failed: of("fail") + of("cancelled"),
				ignored: of("skipped") + of("todo"),
			});
		}
		this.#told.clear();
		this.#filesOfRun = 0;
	}

	get tests(): TestCounts | undefined {
		return this.#tests;
	}

	/** What must be said of counts behind which no test is. */
	get note(): string | undefined {
		if (ranNone(this.#tests)) return this.#idle(this.#tests);
		return this.#areOnlyFiles
			? `what passed is ${plural(this.#files, "test file")} in which no test ran: Node counts such a file as a test`
			: undefined;
	}

	/** Without a filter such a file may well check something, in its own way. */
	get #areOnlyFiles(): boolean {
		const { passed, failed } = this.#tests ?? noTests;
		return this.#filter === undefined && this.#files > 0 && passed === this.#files && failed === 0;
	}

	#idle({ ignored }: TestCounts): string {
		const filter = this.#filter;
		if (this.#passedOver > 0) return nothingRan({ filter, passedOver: this.#passedOver });
		if (ignored === 0 && this.#files > 0) return nothingRan({ filter, passedOver: this.#files, noun: "test file" });
		return nothingRan({ filter, ignored });
	}
}

/** Why Node skipped a test that the filter does not match, as Node says it. */
export const notMatched = "test name does not match pattern";
