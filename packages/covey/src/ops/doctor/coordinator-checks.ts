import { CoveyError } from "@covey/protocol/errors";
import type { FleetStatus } from "@covey/protocol/operations";
import { formatDuration } from "#kit/duration.ts";
import { version } from "#kit/version.ts";
import type { Check, Finding, Surroundings } from "./check.ts";

/** HTTP tells the time in whole seconds, so less than this says nothing. */
const clockSkewMsMax = 5000;

/** The coordinator that this home's commands talk to. */
export const coordinatorChecks: readonly Check[] = [
	{
		id: "coordinator.reachable",
		async examine(surroundings) {
			try {
				const status = await surroundings.coordinator();
				const detail = `${status.coordinator} at ${status.url} is ${status.state}${status.reason ? `: ${status.reason}` : ""}`;
				return { status: status.state === "ready" ? "ok" : "warn", detail };
			} catch (error) {
				if (!(error instanceof CoveyError)) throw error;
				return { status: "fail", detail: error.message, ...(error.hint !== undefined && { fix: error.hint }) };
			}
		},
	},
	{
		id: "coordinator.version",
		examine: (surroundings) =>
			withStatus(surroundings, (status) =>
				status.version === version
					? { status: "ok", detail: `Covey ${version} here and there` }
					: { status: "warn", detail: `Covey ${version} here, ${status.version} there`, fix: "bring both to the same version" },
			),
	},
	{
		id: "coordinator.clock",
		examine: async (surroundings) => {
			const skewMs = await surroundings.clockSkewMs().catch(() => undefined);
			if (skewMs === undefined) return { status: "skip", detail: "no coordinator to ask" };
			const detail = `the coordinator's clock differs by ${formatDuration(Math.abs(skewMs))} at most`;
			if (Math.abs(skewMs) <= clockSkewMsMax) return { status: "ok", detail };
			return { status: "warn", detail, fix: "keep both clocks by NTP; leases do not depend on them, but tokens and times shown do" };
		},
	},
	{
		id: "coordinator.workers",
		examine: (surroundings) =>
			withStatus(surroundings, ({ workers }) => {
				const detail = `${workers.connected} connected, ${workers.disconnected} disconnected, ${workers.draining} draining`;
				return workers.connected > 0
					? { status: "ok", detail }
					: { status: "warn", detail, fix: "covey token create join, then covey join on another machine" };
			}),
	},
];

type Verdict = Omit<Finding, "id">;

/** The checks behind the first have nothing to say when it failed. */
async function withStatus(surroundings: Surroundings, judge: (status: FleetStatus) => Verdict): Promise<Verdict> {
	try {
		return judge(await surroundings.coordinator());
	} catch (error) {
		if (!(error instanceof CoveyError)) throw error;
		return { status: "skip", detail: "no coordinator to ask" };
	}
}
