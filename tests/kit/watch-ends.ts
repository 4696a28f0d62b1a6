import type { Fleet } from "@covey/client";
import { isEnded } from "@covey/protocol";

/** Gathers every event that says of a task that it has ended, so that a test can count them. */
export function watchEnds(sdk: Fleet): { of(task: string): Promise<string[]> } & AsyncDisposable {
	const stopped = new AbortController();
	const seen: { task: string; status: string }[] = [];
	const reading = (async () => {
		for await (const event of sdk.events({ signal: stopped.signal }))
			if (event.type === "task" && isEnded(event.status)) seen.push({ task: event.task, status: event.status });
	})().catch((error) => {
		if (!stopped.signal.aborted) throw error;
	});
	return {
		async of(task) {
			// One more task, run after all that is counted: when its end is here, every earlier one is too.
			const last = await sdk.run({ payload: { command: ["true"] } });
			while (!seen.some((one) => one.task === last.task)) await new Promise((resolve) => setTimeout(resolve, 10));
			return seen.filter((one) => one.task === task).map(({ status }) => status);
		},
		async [Symbol.asyncDispose]() {
			stopped.abort();
			await reading;
		},
	};
}
