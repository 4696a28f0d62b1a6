import { z } from "zod";

export { outcomes } from "./outcome-table.ts";

/** How an attempt ended. A type and never a bare exit code. */
export const Outcome = z.enum([
	"passed",
	"failed",
	"timed_out",
	"silent",
	"cancelled",
	"superseded",
	"out_of_memory",
	"worker_lost",
	"no_capacity",
	"bad_environment",
	"bad_snapshot",
	"refused",
	"needs_human",
]);
export type Outcome = z.infer<typeof Outcome>;
