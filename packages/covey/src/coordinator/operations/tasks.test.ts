import { CoveyError, type TaskView } from "@covey/protocol";
import { expect, test } from "vitest";
import type { FleetView } from "#core/view.ts";
import type { Control } from "#ports/control.ts";
import type { Caller, OperationContext } from "./context.ts";
import { SnapshotPins } from "./pins.ts";
import { createTaskHandlers } from "./tasks.ts";

const snapshot = { repository: "0".repeat(32), tree: "1".repeat(40), commit: "2".repeat(40) };
const task = `t_${"0".repeat(26)}`;
const caller: Caller = {
	principal: { name: "admin", tokenId: "admin", roles: ["admin"], namespaces: [] },
	signal: new AbortController().signal,
};

/** A task that failed and lies in history, on a store that holds its snapshot or does not. */
function stage({ stored, refusal }: { readonly stored: boolean; readonly refusal?: CoveyError }) {
	const pinned: string[] = [];
	const asked: string[] = [];
	const view = {
		id: task,
		namespace: "default",
		status: "failed",
		attempts: [],
		submission: { payload: { snapshot } },
	} as unknown as TaskView;
	const control = {
		ask: async (event) => {
			asked.push(event.type);
			if (refusal) throw refusal;
			return { ok: true };
		},
		query: async <T>(read: (fleet: FleetView) => T) => read({ task: () => undefined, taskRecord: () => undefined } as unknown as FleetView),
		subscribe: () => ({ [Symbol.dispose]() {} }),
	} as Pick<Control, "ask" | "query" | "subscribe"> as Control;
	const store = {
		has: async () => stored,
		pin: (_: unknown, commit: string) => void pinned.push(commit),
		unpin: () => void pinned.pop(),
	};
	const context = { control, pins: new SnapshotPins(store, control), history: { get: async () => view } } as unknown as OperationContext;
	return { pinned, asked, resolve: createTaskHandlers(context)["task.resolve"] };
}

test("a task that a person queues again holds its snapshot again", async () => {
	const { pinned, resolve } = stage({ stored: true });
	await resolve({ task, to: "pending" }, caller);
	expect(pinned).toEqual([snapshot.commit]);
});

test("one whose snapshot is gone is not queued again to fail on a worker, and one that is accepted needs none", async () => {
	const { pinned, asked, resolve } = stage({ stored: false });
	await expect(resolve({ task, to: "pending" }, caller)).rejects.toMatchObject({ code: "bad_snapshot" });
	await resolve({ task, to: "done" }, caller);
	expect({ pinned, asked }).toEqual({ pinned: [], asked: ["task.resolve"] });
});

test("a move that the fleet refuses leaves nothing held", async () => {
	const { pinned, resolve } = stage({ stored: true, refusal: new CoveyError("transition_refused", "no") });
	await expect(resolve({ task, to: "pending" }, caller)).rejects.toMatchObject({ code: "transition_refused" });
	expect(pinned).toEqual([]);
});
