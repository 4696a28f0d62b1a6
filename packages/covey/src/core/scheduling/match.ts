import type { Constraints, Policies } from "@covey/protocol";
import type { Worker } from "#core/worker.ts";

/** What a constraint class asks of a worker. */
export interface Needs {
	readonly namespace: string;
	readonly type: string;
	readonly constraints: Constraints;
	readonly fallback: Policies["fallback"];
	/** `constraints.machine` is a wish with a spill time and not a demand. */
	readonly wished: boolean;
}

/** What a worker has, as far as placing goes. */
export type Seat = Pick<Worker, "record" | "offer">;

/** One rule per constraint; each says what was wanted and what was seen, or undefined when it is met. */
const rules: readonly ((needs: Needs, worker: Seat) => string | undefined)[] = [
	({ constraints: { machine } }, { record }) =>
		machine === undefined || machine === record.name ? undefined : `machine: wanted ${machine}, this is ${record.name}`,
	({ namespace }, { record }) =>
		record.namespaces.length === 0 || record.namespaces.includes(namespace)
			? undefined
			: `namespace: wanted ${namespace}, serves ${record.namespaces.join(", ")}`,
	({ type }, { offer }) =>
		offer === undefined || offer.capabilities.includes(type) ? undefined : `type: wanted ${type}, runs ${list(offer.capabilities)}`,
	({ constraints }, { offer }) => {
		if (offer === undefined) return undefined;
		const missing = constraints.capabilities.find((capability) => !offer.capabilities.includes(capability));
		return missing === undefined ? undefined : `capability: wanted ${missing}, has ${list(offer.capabilities)}`;
	},
	({ constraints }, worker) => {
		for (const [tag, wanted] of Object.entries(constraints.tags)) {
			const seen = worker.record.tags[tag] ?? (worker.offer === undefined ? wanted : worker.offer.tags[tag]);
			if (seen !== wanted) return `tag ${tag}: wanted ${wanted}, ${seen === undefined ? "it has none" : `has ${seen}`}`;
		}
		return undefined;
	},
	({ constraints: { os } }, { offer }) => differs("os", os, offer?.os),
	({ constraints: { arch } }, { offer }) => differs("arch", arch, offer?.arch),
	({ constraints: { slots } }, { offer }) => less("slots", slots, offer?.slots),
	({ constraints: { memoryBytes } }, { offer }) => less("memoryBytes", memoryBytes, offer && (offer.memoryBytes ?? 0)),
	({ constraints: { isolation } }, { offer }) => less("isolation", isolation, offer?.isolation),
	(needs, { record }) =>
		needs.fallback === "never" && record.identity.kind === "embedded" && !isTargeted(needs, record.name)
			? "fallback: never on the coordinator's own worker"
			: undefined,
];

/**
 * Why this worker could never run such work, as "constraint: wanted x, has y"; undefined when it could. What a worker
 * that has not connected since the coordinator started offers is not known, and counts as fitting.
 */
export function exclusion(needs: Needs, worker: Seat): string | undefined {
	for (const rule of rules) {
		const reason = rule(needs, worker);
		if (reason !== undefined) return reason;
	}
	return undefined;
}

/** The work asks for this machine by name, which no fallback policy forbids. */
export function isTargeted(needs: Needs, name: string): boolean {
	return !needs.wished && needs.constraints.machine === name;
}

function differs(constraint: string, wanted: string | undefined, seen: string | undefined): string | undefined {
	return wanted === undefined || seen === undefined || seen === wanted ? undefined : `${constraint}: wanted ${wanted}, is ${seen}`;
}

function less(constraint: string, wanted: number | undefined, seen: number | undefined): string | undefined {
	return wanted === undefined || seen === undefined || seen >= wanted ? undefined : `${constraint}: wanted ${wanted}, has ${seen}`;
}

function list(values: readonly string[]): string {
	return values.length === 0 ? "none" : values.join(", ");
}
