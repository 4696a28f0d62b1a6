import type { TestCounts } from "./report.ts";

export const noTests: TestCounts = { passed: 0, failed: 0, ignored: 0 };

/** A log may hold several runs of one tool, a package after the other: they add up, so that none hides another. */
export function addCounts(known: TestCounts | undefined, more: TestCounts): TestCounts {
	const { passed, failed, ignored } = known ?? noTests;
	return { passed: passed + more.passed, failed: failed + more.failed, ignored: ignored + more.ignored };
}

/** Undefined when it is unknown whether a test ran. */
export function ranNone(tests: TestCounts | undefined): tests is TestCounts {
	return tests !== undefined && tests.passed + tests.failed === 0;
}
