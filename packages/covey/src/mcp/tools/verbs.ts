import { z } from "zod";
import type { Verb } from "#mcp/project/recipe.ts";
import { recipeFor } from "#mcp/project/recognise.ts";
import { argumentsOf } from "./arguments.ts";
import { runJob } from "./run-job.ts";
import type { Toolbox } from "./toolbox.ts";
import { wishes } from "./wishes.ts";

const name = z.string().min(1).max(200);
const features = z.array(name).max(64).optional().describe("cargo features");
const package_ = name.optional().describe("one member of the workspace");

const verbs = {
	build: {
		description:
			"Build this project on the fleet, from the exact state of the worktree, uncommitted edits included. Use it in place of running the build in a shell.",
		arguments: { release: z.boolean().optional(), features, package: package_ },
	},
	clippy: {
		description:
			"Lint this project on the fleet (cargo clippy, or what its linter is), uncommitted edits included. With fix=true it changes files: the fixes are applied to the worktree if it has not changed meanwhile, else they come back as a patch.",
		arguments: { fix: z.boolean().optional().describe("mend what can be mended"), features },
	},
	test: {
		description:
			"Run this project's tests on the fleet, from the exact state of the worktree, uncommitted edits included. Failures come first, with file and line. Use it in place of running tests in a shell.",
		arguments: {
			filter: name.optional().describe("only tests whose name matches"),
			package: package_,
			features,
			nocapture: z.boolean().optional().describe("show what passing tests print"),
		},
	},
} as const;

/** `build`, `clippy` and `test`: what they run is the project's business. */
export function registerVerbs(toolbox: Toolbox): void {
	for (const [verb, { description, arguments: own }] of Object.entries(verbs) as [Verb, (typeof verbs)[Verb]][])
		toolbox.server.registerTool(
			verb,
			{
				title: `Covey: ${verb}`,
				description,
				inputSchema: argumentsOf({ ...own, ...wishes }),
				annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
			},
			(given, context) =>
				runJob(toolbox, context, {
					verb,
					wishes: given,
					...("filter" in given && { filter: given.filter }),
					recipe: (worktree, { commands }) => recipeFor(worktree.files, verb, given, commands),
				}),
		);
}
