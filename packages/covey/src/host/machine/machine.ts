import { availableParallelism, hostname, totalmem } from "node:os";

/** What a worker says of the machine that it runs on. */
export interface Machine {
	/** As Node names it: `linux`, `darwin`. */
	readonly os: string;
	/** As Node names it: `x64`, `arm64`. */
	readonly arch: string;
	/** Cores that this process may use. */
	readonly cores: number;
	/** Memory that this process may use: the machine's, or its control group's where that is less. */
	readonly memoryBytes: number;
	/** A worker's name made of the host name. */
	readonly name: string;
}

export function describeMachine(): Machine {
	// Zero or absurdly large means unconstrained.
	const constrained = process.constrainedMemory();
	const total = totalmem();
	return {
		os: process.platform,
		arch: process.arch,
		cores: availableParallelism(),
		memoryBytes: constrained > 0 ? Math.min(constrained, total) : total,
		name: workerNameOf(hostname()),
	};
}

const nameLengthMax = 64;

/** The first label of a host name, as a worker may be called: lower case, letters, digits, dots, dashes, underscores. */
export function workerNameOf(host: string): string {
	const name = (host.split(".")[0] ?? "")
		.toLowerCase()
		.replaceAll(/[^a-z0-9_-]+/g, "-")
		.slice(0, nameLengthMax)
		.replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
	return name === "" ? "worker" : name;
}
