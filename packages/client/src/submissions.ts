import { CoveyError } from "@covey/protocol/errors";
import { wireLimits } from "@covey/protocol/limits";
import type { SubmitResult } from "@covey/protocol/operations";
import type { TaskSubmissionInput } from "@covey/protocol/task";
import { clientLimits } from "./limits.ts";
import type { Multiplexer } from "./multiplexer.ts";

interface Waiting {
	readonly text: string;
	readonly repeatable: boolean;
	readonly resolve: (result: SubmitResult) => void;
	readonly reject: (error: unknown) => void;
}

/**
 * Gathers the submissions of one tick into few `task.submit` calls, those that may be repeated apart from the others. The coordinator takes a batch as a whole or not at
 * all, so a refused batch is sent again one by one: strangers that happened to share a tick do not share a refusal.
 */
export class Submissions {
	#waiting: Waiting[] = [];
	#scheduled = false;
	readonly #multiplexer: Multiplexer;

	constructor(multiplexer: Multiplexer) {
		this.#multiplexer = multiplexer;
	}

	submit(submission: TaskSubmissionInput): Promise<SubmitResult> {
		const { promise, resolve, reject } = Promise.withResolvers<SubmitResult>();
		this.#waiting.push({ text: JSON.stringify(submission), repeatable: submission.dedupKey !== undefined, resolve, reject });
		if (!this.#scheduled) {
			this.#scheduled = true;
			queueMicrotask(() => this.#flush());
		}
		return promise;
	}

	#flush(): void {
		this.#scheduled = false;
		const waiting = this.#waiting;
		this.#waiting = [];
		for (let from = 0; from < waiting.length; ) {
			let to = from;
			let characters = 0;
			do characters += (waiting[to++] as Waiting).text.length;
			while (
				to < waiting.length &&
				to - from < wireLimits.batchMax &&
				(waiting[to] as Waiting).repeatable === (waiting[from] as Waiting).repeatable &&
				characters + (waiting[to] as Waiting).text.length < clientLimits.submitCharactersMax
			);
			void this.#send(waiting.slice(from, to));
			from = to;
		}
	}

	async #send(batch: readonly Waiting[]): Promise<void> {
		try {
			const results = await this.#call(batch);
			for (const [index, waiting] of batch.entries()) waiting.resolve(results[index] as SubmitResult);
		} catch (error) {
			const alone = batch.length > 1 && error instanceof CoveyError && error.code !== "unavailable";
			for (const waiting of batch) {
				if (alone) void this.#send([waiting]);
				else waiting.reject(error);
			}
		}
	}

	async #call(batch: readonly Waiting[]): Promise<readonly SubmitResult[]> {
		const texts = batch.map((waiting) => waiting.text).join(",");
		const { repeatable } = batch[0] as Waiting;
		const output = (await this.#multiplexer.call("task.submit", `{"submissions":[${texts}]}`, repeatable)) as {
			results: readonly SubmitResult[];
		};
		if (output.results?.length !== batch.length)
			throw new CoveyError("internal", "the coordinator answered fewer submissions than were made");
		return output.results;
	}
}
