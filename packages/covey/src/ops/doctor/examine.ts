import { CoveyError } from "@covey/protocol/errors";
import type { Check, Finding, Surroundings } from "./check.ts";
import { coordinatorChecks } from "./coordinator-checks.ts";
import { machineChecks } from "./machine-checks.ts";
import { privacyChecks } from "./privacy-checks.ts";

const checks: readonly Check[] = [...machineChecks, ...privacyChecks, ...coordinatorChecks];

/** Runs all checks at once, or those of one id or group, as in `system`. In the order of the list. @throws CoveyError `not_found` for an id that no check has. */
export async function examine(options: Surroundings & { readonly only?: string }): Promise<readonly Finding[]> {
	const wanted = checks.filter(
		(check) => options.only === undefined || check.id === options.only || check.id.startsWith(`${options.only}.`),
	);
	if (wanted.length === 0)
		throw new CoveyError("not_found", `there is no check ${options.only}`, { hint: checks.map((check) => check.id).join(", ") });
	return Promise.all(wanted.map((check) => run(check, options)));
}

async function run(check: Check, surroundings: Surroundings): Promise<Finding> {
	try {
		return { id: check.id, ...(await check.examine(surroundings)) };
	} catch (error) {
		return { id: check.id, status: "fail", detail: error instanceof Error ? error.message : String(error) };
	}
}
