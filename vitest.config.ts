import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"],
		pool: "forks",
		maxWorkers: 2,
		testTimeout: 60_000,
		hookTimeout: 60_000,
		coverage: {
			provider: "v8",
			include: ["packages/covey/src/core/**/*.ts"],
			exclude: ["**/*.test.ts", "**/*.fixture.ts"],
			thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
		},
	},
});
