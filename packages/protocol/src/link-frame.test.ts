import fc from "fast-check";
import { expect, test } from "vitest";
import { readFromWorker, readToWorker } from "./link-frame.ts";
import { V2FromWorker, V2ToWorker } from "./link-v2.ts";
import { AttemptReport, TaskSubmission } from "./task.ts";

const attempt = { task: `t_${"0".repeat(26)}`, attempt: 1 };
const { constraints, policies } = TaskSubmission.parse({ payload: null, policies: { timeoutMs: 1000 } });
const assign = { type: "assign", sequence: 1, ...attempt, channel: 1, namespace: "default", taskType: "run", leaseTtlMs: 90_000 };
const report = AttemptReport.parse({ outcome: "passed" });

const fromWorker = [
	{ type: "started", ...attempt },
	{ type: "complete", ...attempt, report },
	{ type: "complete", ...attempt, report: { ...report, message: "with more to tell", timings: { command: 1 } } },
	{ type: "decline", ...attempt, message: "no" },
];
const toWorker = [
	{ type: "settle", ...attempt },
	{ type: "acknowledge", ...attempt, offset: 3 },
	{ ...assign, payload: { command: ["true"] }, constraints, policies },
	{ ...assign, payload: null, constraints: { ...constraints, tags: { gpu: "yes" } }, policies: { ...policies, fallback: "never" } },
	{ type: "ping" },
];

const sides = [
	["from a worker", fromWorker, readFromWorker, V2FromWorker],
	["to a worker", toWorker, readToWorker, V2ToWorker],
] as const;

test.each(sides)("frames %s are read as their schemas say", (_, messages, read) => {
	for (const message of messages) expect(read(message)).toEqual([message]);
	expect(read({ type: "batch", messages })).toEqual(messages);
	expect(read({ type: "batch", messages: [] })).toEqual([]);
	for (const frame of [undefined, null, 1, "ping", [], {}, { type: "toString" }, { type: "batch" }]) expect(read(frame)).toBeUndefined();
});

/** Values that some field could be mistaken for. */
const odd = fc.constantFrom<unknown>(
	null,
	-1,
	0,
	1,
	1.5,
	65,
	2 ** 40,
	2 ** 60,
	"",
	"a",
	"-",
	"never",
	"passed",
	"x".repeat(80),
	[],
	["a"],
	{},
	{ a: 1 },
);

/** The message with one field somewhere in it missing, added or of another value. */
function spoiled(message: object): fc.Arbitrary<unknown> {
	const places: (readonly string[])[] = [];
	const walk = (value: unknown, path: readonly string[]) => {
		if (typeof value !== "object" || value === null) return;
		for (const key of [...Object.keys(value), "other"]) {
			places.push([...path, key]);
			walk((value as Record<string, unknown>)[key], [...path, key]);
		}
	};
	walk(message, []);
	return fc.record({ path: fc.constantFrom(...places), value: fc.option(odd, { nil: undefined }) }).map(({ path, value }) => {
		const copy = structuredClone(message) as Record<string, unknown>;
		const holder = path.slice(0, -1).reduce((inner, key) => inner[key] as Record<string, unknown>, copy);
		if (value === undefined) delete holder[path.at(-1)!];
		else holder[path.at(-1)!] = value;
		// As it would come over the wire.
		return JSON.parse(JSON.stringify(copy));
	});
}

test.each(sides)("frames %s with something wrong or new in them are, too", (_, messages, read, schema) => {
	for (const message of messages) {
		fc.assert(
			fc.property(spoiled(message), (frame) => {
				const { data } = schema.safeParse(frame);
				expect(read(frame)).toEqual(data && [data]);
			}),
			{ numRuns: 500 },
		);
	}
});
