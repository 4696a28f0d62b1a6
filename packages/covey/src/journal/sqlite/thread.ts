import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "#kit/deferred.ts";
import { type FailureData, StoreFailure } from "./failure.ts";
import type { Answer, Opened, Operations, WriterData } from "./writer.ts";

type Argument<N extends keyof Operations> = Parameters<Operations[N]>[0];
type Result<N extends keyof Operations> = ReturnType<Operations[N]>;

/** The main side of the journal's thread: requests out, answers in, in order. When the thread dies, every open request fails. */
export class WriterThread {
	readonly #worker: Worker;
	readonly #open = new Map<number, Deferred<unknown>>();
	readonly #exited = deferred();
	#lastId = 0;
	#death: Error | undefined;

	/** @param url the thread's program: `writer.ts`, or what a bundler made of it. */
	constructor(url: URL, data: WriterData) {
		this.#worker = new Worker(url, { workerData: data, name: "covey-journal" });
		this.#worker.on("message", (answer: Answer) => this.#settle(answer));
		this.#worker.on("error", (error) => this.#die(error));
		this.#worker.on("exit", (code) => {
			this.#die(new Error(`the journal's thread ended (${code})`));
			this.#exited.resolve();
		});
	}

	/** Resolves when the database is open. Once, before any call. @throws StoreFailure. */
	ready(): Promise<Opened> {
		return this.#expect(0) as Promise<Opened>;
	}

	/** @throws StoreFailure; an Error when the thread died. */
	call<N extends keyof Operations>(name: N, argument: Argument<N>): Promise<Result<N>> {
		const id = ++this.#lastId;
		const answer = this.#expect(id) as Promise<Result<N>>;
		this.#worker.postMessage({ id, name, argument });
		return answer;
	}

	/** Resolves when the thread is gone. It ends by itself after `close` and after a failure to open. */
	exited(): Promise<void> {
		return this.#exited.promise;
	}

	#expect(id: number): Promise<unknown> {
		if (this.#death) return Promise.reject(this.#death);
		const answer = deferred<unknown>();
		this.#open.set(id, answer);
		return answer.promise;
	}

	#settle(answer: Answer): void {
		const request = this.#open.get(answer.id);
		this.#open.delete(answer.id);
		if ("failure" in answer) request?.reject(revive(answer.failure));
		else request?.resolve(answer.value);
	}

	#die(cause: Error): void {
		this.#death ??= cause;
		for (const request of this.#open.values()) request.reject(this.#death);
		this.#open.clear();
	}
}

function revive({ reason, message, sequence, hint }: FailureData): StoreFailure {
	return new StoreFailure(reason, message, { ...(sequence !== undefined && { sequence }), ...(hint !== undefined && { hint }) });
}
