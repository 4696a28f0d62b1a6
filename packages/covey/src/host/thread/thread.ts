import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "#kit/deferred.ts";

/** What a thread can be asked for, by name: at most one argument, one result, both of structured-cloneable data. */
export type Operations = Readonly<Record<string, (argument: never) => unknown>>;

export interface ThreadRequest {
	readonly id: number;
	readonly name: string;
	readonly argument: unknown;
}

/** Answers carry the id of their request; id 0 is the answer to opening. */
export type ThreadAnswer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly failure: unknown };

export interface ThreadOptions {
	/** The thread's program, which calls `serve`: a `.ts` file, or what a bundler made of it. */
	readonly url: URL;
	/** Shown in debuggers and crash reports. */
	readonly name: string;
	/** Its `workerData`. */
	readonly data: unknown;
	/** Makes an error of what the other side's `describe` made of one. */
	readonly revive: (failure: never) => Error;
}

/** The calling side of a thread that owns something, such as a database. When the thread dies, every open call fails. */
export class Thread<O extends Operations, Opened = unknown> {
	readonly #worker: Worker;
	readonly #revive: (failure: never) => Error;
	readonly #open = new Map<number, Deferred<unknown>>();
	readonly #exited = deferred();
	/** Settles when the thread has opened what it owns, or could not. */
	readonly opened: Promise<Opened>;
	#lastId = 0;
	#death: Error | undefined;

	constructor({ url, name, data, revive }: ThreadOptions) {
		this.#revive = revive;
		this.opened = this.#expect(0) as Promise<Opened>;
		this.#worker = new Worker(url, { workerData: data, name });
		this.#worker.on("message", (answer: ThreadAnswer) => this.#settle(answer));
		this.#worker.on("error", (error) => this.#die(error));
		this.#worker.on("exit", (code) => {
			this.#die(new Error(`the thread ${name} ended (${code})`));
			this.#exited.resolve();
		});
	}

	/** @throws whatever `revive` makes of a failure; an Error when the thread died. */
	call<N extends keyof O & string>(name: N, ...[argument]: Parameters<O[N]>): Promise<Awaited<ReturnType<O[N]>>> {
		const id = ++this.#lastId;
		const answer = this.#expect(id) as Promise<Awaited<ReturnType<O[N]>>>;
		this.#worker.postMessage({ id, name, argument } satisfies ThreadRequest);
		return answer;
	}

	/** Resolves when the thread is gone. It ends by itself after its operation `close`, and when it could not open. */
	exited(): Promise<void> {
		return this.#exited.promise;
	}

	#expect(id: number): Promise<unknown> {
		if (this.#death) return Promise.reject(this.#death);
		const answer = deferred<unknown>();
		this.#open.set(id, answer);
		return answer.promise;
	}

	#settle(answer: ThreadAnswer): void {
		const request = this.#open.get(answer.id);
		this.#open.delete(answer.id);
		if ("failure" in answer) request?.reject(this.#revive(answer.failure as never));
		else request?.resolve(answer.value);
	}

	#die(cause: Error): void {
		this.#death ??= cause;
		for (const request of this.#open.values()) request.reject(this.#death);
		this.#open.clear();
	}
}
