/**
 * Which folder of `packages/covey/src` may import which. The protocol is open to all but kit.
 * `never` are texts that must not stand in its code, each with the sentence that says what to do instead.
 */
export interface Layer {
	readonly may: readonly string[];
	readonly packages?: readonly string[];
	readonly never?: readonly { readonly pattern: RegExp; readonly instead: string }[];
}

const everywhere = ["kit", "core", "ports", "host"];
const pure = [
	{ pattern: /from "node:/, instead: "the core is pure: pass in what the platform gives" },
	{ pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, instead: "the core has no clock: take `now` as a parameter" },
	{ pattern: /\bMath\.random\b|\bcrypto\./, instead: "the core has no chance: take ids and random numbers as parameters" },
	{
		pattern: /\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/,
		instead: "the core has no timers: keep a time in the state and answer `nextTimerAt`",
	},
	{ pattern: /\basync\b|\bawait\b|\bPromise\b/, instead: "the core is synchronous: return an effect" },
];

export const layers: Readonly<Record<string, Layer>> = {
	kit: { may: [], packages: [] },
	core: { may: ["kit"], never: pure },
	ports: {
		may: ["kit", "core"],
		never: [{ pattern: /^export (const|function|class|let)\b/m, instead: "a port is a type; its code belongs to an adapter" }],
	},
	host: { may: ["kit"] },
	journal: { may: everywhere },
	history: { may: everywhere },
	blobs: { may: everywhere },
	ops: { may: everywhere },
	coordinator: { may: everywhere },
	worker: { may: everywhere },
	mcp: { may: ["kit"], packages: ["@covey/client"] },
	compose: {
		may: [...everywhere, "journal", "history", "blobs", "ops", "coordinator", "worker", "mcp"],
		packages: ["@covey/client"],
	},
	cli: { may: ["kit", "host", "ops", "compose"], packages: ["@covey/client"] },
	"main.ts": { may: ["kit", "cli", "compose"], packages: ["@covey/client"] },
};

/** Which packages of ours each package may import. */
export const packageLayers: Readonly<Record<string, readonly string[]>> = {
	protocol: [],
	client: ["@covey/protocol"],
};
