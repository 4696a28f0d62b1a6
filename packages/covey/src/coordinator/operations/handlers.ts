import { requireNamespace } from "#coordinator/auth/principal.ts";
import { offerSnapshot } from "#coordinator/git/transfer.ts";
import { version } from "#kit/version.ts";
import { createAuditList } from "./audit.ts";
import type { Handlers, OperationContext } from "./context.ts";
import { createTaskHandlers } from "./tasks.ts";
import { createTokenHandlers } from "./tokens.ts";
import { createWorkerHandlers } from "./workers.ts";

/** One handler per operation of the protocol's table. */
export function createHandlers(context: OperationContext): Handlers {
	const { control, clock, snapshots } = context;
	return {
		...createTaskHandlers(context),
		...createWorkerHandlers(context),
		...createTokenHandlers(context),

		"snapshot.offer": async ({ namespace, repository, tree, commit, pack }, { principal }) => {
			requireNamespace(principal, namespace);
			return offerSnapshot(snapshots, namespace, { repository, tree, commit }, pack);
		},

		"fleet.status": async () => {
			const counts = await control.query((fleet) => fleet.counts());
			const { coordinator, fingerprint } = context.identity;
			const { startedAt } = context;
			const listeners = [...context.listeners()];
			return { version, coordinator, fingerprint, url: context.url(), startedAt, ...stateOf(control.state), ...counts, listeners };
		},

		"fleet.drain": async () => {
			context.drain();
			return {};
		},

		"audit.list": createAuditList(context),

		"history.rebuild": async () => {
			const startedAt = clock.monotonic();
			const { tasks } = await context.rebuildHistory();
			return { tasks, durationMs: clock.monotonic() - startedAt };
		},
	};
}

function stateOf(state: OperationContext["control"]["state"]) {
	switch (state) {
		case "ready":
			return { state };
		case "read_only":
			return { state, reason: "the coordinator's disk is full: it takes no changes until there is space" };
		default:
			return { state: "draining" as const, reason: "the coordinator is stopping: it takes no new tasks" };
	}
}
