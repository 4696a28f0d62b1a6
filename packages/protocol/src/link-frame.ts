import { isShallow } from "./json.ts";
import { wireLimits } from "./limits.ts";
import { V2FromWorker, type V2FromWorkerMessage, V2ToWorker, type V2ToWorkerMessage } from "./link-v2.ts";
import { Outcome } from "./outcome.ts";

/**
 * Reads the text frames of link v2. The messages of which there are some for every task are looked at by tables, which
 * takes a tenth of the time; they know the plain forms only, and leave everything else to the schemas. So what a table
 * takes is what the schema takes, as it is: a test holds them together.
 */

/** @returns what a parsed frame of a worker says; undefined when it is none of this protocol. */
export function readFromWorker(frame: unknown): readonly V2FromWorkerMessage[] | undefined {
	const plain = readPlain<V2FromWorkerMessage>(frame, plainFromWorker);
	if (plain !== undefined) return plain;
	const { data } = V2FromWorker.safeParse(frame);
	return data?.type === "batch" ? data.messages : data && [data];
}

/** @returns what a parsed frame of a coordinator says; undefined when it is none of this protocol. */
export function readToWorker(frame: unknown): readonly V2ToWorkerMessage[] | undefined {
	const plain = readPlain<V2ToWorkerMessage>(frame, plainToWorker);
	if (plain !== undefined) return plain;
	const { data } = V2ToWorker.safeParse(frame);
	return data?.type === "batch" ? data.messages : data && [data];
}

type Test = (value: unknown) => boolean;

function readPlain<Message>(frame: unknown, tests: Readonly<Record<string, Test>>): readonly Message[] | undefined {
	const isPlain: Test = (message) => {
		const { type } = (message ?? {}) as { readonly type?: unknown };
		return typeof type === "string" && Object.hasOwn(tests, type) && tests[type]!(message);
	};
	if (isPlain(frame)) return [frame as Message];
	return isBatch(frame) && frame.messages.every(isPlain) ? (frame.messages as Message[]) : undefined;
}

const isBatch = fields({
	type: (type) => type === "batch",
	messages: (messages) => Array.isArray(messages) && messages.length <= wireLimits.batchMax,
}) as (frame: unknown) => frame is { readonly messages: readonly unknown[] };

/** An object of these fields and no others. Those that may be absent have a test that takes undefined, which JSON does not know. */
function fields(tests: Readonly<Record<string, Test>>): Test {
	const names = Object.keys(tests);
	const each = Object.values(tests);
	return (value) => {
		if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
		let present = 0;
		for (let at = 0; at < names.length; at++) {
			const field = (value as Record<string, unknown>)[names[at]!];
			if (!each[at]!(field)) return false;
			if (field !== undefined) present++;
		}
		return Object.keys(value).length === present;
	};
}

const integer =
	(least: number, most = Number.MAX_SAFE_INTEGER): Test =>
	(value) =>
		Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const text =
	(pattern: RegExp, length: number): Test =>
	(value) =>
		typeof value === "string" && value.length <= length && pattern.test(value);
const one = (values: readonly string[]): Test => {
	const known = new Set<unknown>(values);
	return (value) => known.has(value);
};
const maybe =
	(test: Test): Test =>
	(value) =>
		value === undefined || test(value);
const nothing: Test = (value) => Array.isArray(value) && value.length === 0;
const empty = fields({});
const duration = integer(0, 30 * 24 * 3600 * 1000);
const outcome = one(Outcome.options);
const type: Test = () => true;
const attempt = { task: text(/^t_[0-9a-hjkmnp-tv-z]{26}$/, 28), attempt: integer(1, 1_000_000) };

const constraints = fields({ tags: empty, capabilities: nothing, slots: integer(1, 64), isolation: integer(0, 3) });
const retry = fields({
	limit: integer(0, 16),
	outcomes: (outcomes) => Array.isArray(outcomes) && outcomes.every(outcome),
	backoffMs: duration,
	backoffMaxMs: duration,
});
const fallbackWord = one(["never", "always"]);
const fallbackAfter = fields({ afterMs: duration });
const policies = fields({
	timeoutMs: maybe(duration),
	silentTimeoutMs: maybe(duration),
	graceMs: duration,
	retry,
	onWorkerLost: one(["requeue", "needs_human", "fail"]),
	fallback: (fallback) => fallbackWord(fallback) || fallbackAfter(fallback),
	unmatched: one(["refuse", "wait"]),
});

/** Of a runner that has nothing to tell but how it ended. */
const report = fields({
	outcome,
	artifacts: nothing,
	missing: nothing,
	outputBytes: integer(0),
	outputDroppedBytes: integer(0),
	timings: empty,
});

const plainFromWorker = { started: fields({ type, ...attempt }), complete: fields({ type, ...attempt, report }) };

const plainToWorker = {
	settle: fields({ type, ...attempt }),
	acknowledge: fields({ type, ...attempt, offset: integer(0) }),
	assign: fields({
		type,
		sequence: integer(1),
		...attempt,
		channel: integer(1, 0xffff_ffff),
		namespace: text(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, wireLimits.nameLengthMax),
		taskType: text(/^/, wireLimits.nameLengthMax),
		payload: (payload) => payload !== undefined && isShallow(payload),
		constraints,
		policies,
		leaseTtlMs: duration,
	}),
};
