import { TaskSubmission, type TaskSubmissionInput, WorkerOffer } from "@covey/protocol";
import { expect, test } from "vitest";
import { classKey, needsOf } from "./class.ts";
import { exclusion, type Seat } from "./match.ts";

const needs = (input: Partial<TaskSubmissionInput>, wish = false) => needsOf(TaskSubmission.parse({ payload: null, ...input }), wish);
const seat = (offer: Partial<WorkerOffer> | undefined, record: Partial<Seat["record"]> = {}): Seat => ({
	record: {
		name: "box",
		identity: { kind: "key", publicKey: "" },
		enrolledAt: 0,
		namespaces: [],
		tags: {},
		draining: false,
		revoked: false,
		...record,
	},
	offer: offer && WorkerOffer.parse({ slots: 2, os: "linux", arch: "x64", version: "1", ...offer }),
});

const cases: readonly [string, Partial<TaskSubmissionInput>, Seat, string | undefined][] = [
	["nothing asked", {}, seat({}), undefined],
	["another machine", { constraints: { machine: "big" } }, seat({}), "machine: wanted big, this is box"],
	["its machine", { constraints: { machine: "box" } }, seat({}), undefined],
	["another namespace", { namespace: "prod" }, seat({}, { namespaces: ["dev", "ci"] }), "namespace: wanted prod, serves dev, ci"],
	["its namespace", { namespace: "ci" }, seat({}, { namespaces: ["dev", "ci"] }), undefined],
	["another type", { type: "agent_run" }, seat({}), "type: wanted agent_run, runs run"],
	["no type at all", {}, seat({ capabilities: [] }), "type: wanted run, runs none"],
	["a capability", { constraints: { capabilities: ["run", "cargo"] } }, seat({}), "capability: wanted cargo, has run"],
	["no tag", { constraints: { tags: { gpu: "yes" } } }, seat({}), "tag gpu: wanted yes, it has none"],
	["another value", { constraints: { tags: { gpu: "yes" } } }, seat({ tags: { gpu: "no" } }), "tag gpu: wanted yes, has no"],
	["a tag of its own", { constraints: { tags: { gpu: "yes" } } }, seat({ tags: { gpu: "yes" } }), undefined],
	[
		"a tag of its token outranks its own",
		{ constraints: { tags: { zone: "a" } } },
		seat({ tags: { zone: "a" } }, { tags: { zone: "b" } }),
		"tag zone: wanted a, has b",
	],
	["os", { constraints: { os: "darwin" } }, seat({}), "os: wanted darwin, is linux"],
	["arch", { constraints: { arch: "arm64" } }, seat({}), "arch: wanted arm64, is x64"],
	["slots", { constraints: { slots: 3 } }, seat({}), "slots: wanted 3, has 2"],
	["memory", { constraints: { memoryBytes: 5 } }, seat({ memoryBytes: 4 }), "memoryBytes: wanted 5, has 4"],
	["unknown memory", { constraints: { memoryBytes: 5 } }, seat({}), "memoryBytes: wanted 5, has 0"],
	["isolation", { constraints: { isolation: 2 } }, seat({ isolation: 1 }), "isolation: wanted 2, has 1"],
	["all of it", { constraints: { os: "linux", arch: "x64", slots: 2, memoryBytes: 4 } }, seat({ memoryBytes: 4 }), undefined],
	[
		"an unknown offer fits",
		{ constraints: { os: "darwin", arch: "arm64", slots: 9, memoryBytes: 5, isolation: 3, capabilities: ["cargo"], tags: { gpu: "yes" } } },
		seat(undefined),
		undefined,
	],
	[
		"the embedded worker, never",
		{ policies: { fallback: "never" } },
		seat({}, { identity: { kind: "embedded" } }),
		"fallback: never on the coordinator's own worker",
	],
	[
		"the embedded worker by name",
		{ policies: { fallback: "never" }, constraints: { machine: "box" } },
		seat({}, { identity: { kind: "embedded" } }),
		undefined,
	],
	["the embedded worker, allowed", {}, seat({}, { identity: { kind: "embedded" } }), undefined],
];

test.for(cases)("%s", ([, input, worker, expected]) => {
	expect(exclusion(needs(input), worker)).toBe(expected);
});

test("a wish for the embedded worker does not override a fallback of never", () => {
	const wished = needs({ policies: { fallback: "never" }, prefer: { machine: "box" } }, true);
	expect(exclusion(wished, seat({}, { identity: { kind: "embedded" } }))).toContain("never");
});

test("needs that differ only in the order of tags and capabilities share a class", () => {
	const one = needs({ constraints: { tags: { a: "1", b: "2" }, capabilities: ["x", "y"] } });
	const other = needs({ constraints: { tags: { b: "2", a: "1" }, capabilities: ["y", "x"] } });
	expect(classKey(one)).toBe(classKey(other));
	expect(classKey(needs({ policies: { fallback: "never" } }))).not.toBe(classKey(needs({})));
	expect(classKey(needs({ prefer: { machine: "box" } }, true))).not.toBe(classKey(needs({ constraints: { machine: "box" } })));
});
