import type { FleetStatus } from "@covey/protocol/operations";

/** What a check found. `fix` is a command or a short order, where there is one. */
export interface Finding {
	readonly id: string;
	readonly status: "ok" | "warn" | "fail" | "skip";
	readonly detail: string;
	readonly fix?: string;
}

export interface Surroundings {
	readonly paths: Readonly<Record<"config" | "state" | "cache" | "configFile" | "coordinator" | "adminTokenFile", string>>;
	/** @throws CoveyError when it cannot be reached. */
	coordinator(): Promise<FleetStatus>;
	/** How far the coordinator's clock is ahead of this machine's, to a second. @throws when it cannot be reached. */
	clockSkewMs(): Promise<number>;
}

/** Looks at one thing and changes nothing. A rejection counts as a failure with its message. */
export interface Check {
	readonly id: string;
	examine(surroundings: Surroundings): Promise<Omit<Finding, "id">>;
}
