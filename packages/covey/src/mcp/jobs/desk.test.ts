import type { Fleet } from "@covey/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { JobDesk, type Presence } from "./desk.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const holdMs = 60_000;
const nothing = { uncommitted: 0, notes: [] };

/** A coordinator that merges all that it is asked for into one task, which does not end by itself. */
function setUp(presence: Presence) {
	const calls: { readonly name: string; readonly input: unknown }[] = [];
	const follows: PromiseWithResolvers<unknown>[] = [];
	let asks = 0;
	let lost: readonly string[] = [];
	const fleet = {
		submit: async () => ({ task: "t_1", ask: `a_${++asks}`, merged: asks > 1, deduplicated: false }),
		async call(name: string, input: unknown) {
			calls.push({ name, input });
			return name === "task.hold" ? { lost } : { id: "t_1", status: "pending", attempts: [], submission: {} };
		},
		async *follow() {
			follows.push(Promise.withResolvers());
			yield await follows.at(-1)?.promise;
		},
	};
	const desk = new JobDesk(async () => fleet as unknown as Fleet, presence, { holdMs });
	const inputsOf = (name: string) => calls.splice(0).flatMap((call) => (call.name === name ? [call.input] : []));
	return {
		desk,
		follows,
		start: (submission = {}) => desk.start({ type: "run", payload: {}, holdMs, ...submission }, nothing),
		lose: (...names: string[]) => (lost = names),
		renewed: async () => {
			calls.length = 0;
			await vi.advanceTimersByTimeAsync(holdMs / 4);
			return inputsOf("task.hold").flatMap((input) => (input as { holds: { ask: string }[] }).holds.map(({ ask }) => ask));
		},
		cancelled: () => inputsOf("task.cancel"),
	};
}

test("each call that started a job has an ask of its own: what one gives up leaves the others'", async () => {
	const { start, desk, renewed, cancelled } = setUp("connection");
	const [first, second] = [await start(), await start()];
	expect(second.job).toBe(first.job);
	expect(await renewed()).toEqual([first.ask, second.ask]);
	await desk.cancel("t_1", first.ask);
	expect(cancelled()).toEqual([{ task: "t_1", ask: first.ask }]);
	expect(await renewed()).toEqual([second.ask]);
	await desk.cancel("t_1");
	expect(cancelled()).toEqual([{ task: "t_1", ask: second.ask }]);
	expect(await renewed()).toEqual([]);
});

test("two who look for a job at once get the same, which is read once", async () => {
	const { desk, follows } = setUp("connection");
	const [one, other] = await Promise.all([desk.find("t_1"), desk.find("t_1")]);
	expect(one).toBe(other);
	expect(follows).toHaveLength(1);
});

test("without a connection a call that waits or has looked since the last time is a sign of life, and nothing else is", async () => {
	const { start, desk, renewed } = setUp("calls");
	const { ask } = await start();
	expect(await renewed()).toEqual([ask]);
	expect(await renewed()).toEqual([]);
	desk.present("t_1")[Symbol.dispose]();
	expect(await renewed()).toEqual([ask]);
	expect(await renewed()).toEqual([]);
	using _ = desk.present("t_1");
	await renewed();
	expect(await renewed()).toEqual([ask]);
});

test("a job that can no longer be read is held all the same, until the coordinator knows no such ask", async () => {
	const { start, follows, renewed, lose } = setUp("connection");
	const { ask, job } = await start();
	follows[0]?.reject(new Error("the link was given up"));
	await expect(job.ended).rejects.toThrow("given up");
	expect(await renewed()).toEqual([ask]);
	lose(ask);
	expect(await renewed()).toEqual([ask]);
	expect(await renewed()).toEqual([]);
});

test("whoever leaves takes back what it did not detach; of what it detached it takes back its own ask when told to", async () => {
	const { start, desk, cancelled } = setUp("connection");
	const held = await start();
	const detached = await start({ holdMs: undefined });
	await desk.leave();
	expect(cancelled()).toEqual([{ task: "t_1", ask: held.ask }]);
	await desk.cancel("t_1");
	expect(cancelled()).toEqual([{ task: "t_1", ask: detached.ask }]);
});

test("a job that another has started is nobody's here, and is ended when that is asked for", async () => {
	const { desk, cancelled } = setUp("connection");
	await desk.find("t_1");
	expect(desk.asked("t_1")).toBeUndefined();
	await desk.cancel("t_1");
	expect(cancelled()).toEqual([{ task: "t_1" }]);
});
