import { CoveyError, type WorkerView } from "@covey/protocol";
import { actorOf, maySee, type Principal } from "#coordinator/auth/principal.ts";
import type { Handlers, OperationContext } from "./context.ts";

type WorkerHandlers = Pick<Handlers, "worker.list" | "worker.drain" | "worker.revoke">;

export function createWorkerHandlers({ control }: OperationContext): WorkerHandlers {
	async function find(name: string): Promise<WorkerView> {
		const worker = await control.query((fleet) => fleet.worker(name));
		if (worker) return worker;
		throw new CoveyError("not_found", `there is no worker ${name}`, { hint: "covey workers lists them" });
	}

	return {
		"worker.list": async (_, { principal }) => ({ workers: visible(await control.query((fleet) => fleet.workers()), principal) }),
		"worker.drain": async ({ worker, draining }, { principal }) => {
			await control.ask({ type: "worker.drain", actor: actorOf(principal), worker, draining });
			return find(worker);
		},
		"worker.revoke": async ({ worker }, { principal }) => {
			await control.ask({ type: "worker.revoke", actor: actorOf(principal), worker });
			return find(worker);
		},
	};
}

/** A reader of some namespaces sees the workers that serve them, but not what these run for others. */
function visible(workers: readonly WorkerView[], principal: Principal): WorkerView[] {
	if (principal.namespaces.length === 0) return [...workers];
	return workers
		.filter(({ namespaces }) => namespaces.length === 0 || namespaces.some((namespace) => maySee(principal, namespace)))
		.map((worker) => ({ ...worker, attempts: [] }));
}
