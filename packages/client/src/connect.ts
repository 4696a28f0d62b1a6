import { CoveyError } from "@covey/protocol/errors";
import type { OperationName } from "@covey/protocol/operations";
import { events } from "./events.ts";
import type { Fleet } from "./fleet.ts";
import { follow } from "./follow.ts";
import { Multiplexer } from "./multiplexer.ts";
import { output } from "./output.ts";
import { run } from "./run.ts";
import { Submissions } from "./submissions.ts";
import { type Fetch, type TransferOptions, transfer } from "./transfer.ts";
import { type Dial, dialNatively, dialOptions, socketUrl } from "./web-socket.ts";

export interface ConnectOptions {
	/** The coordinator's address, as in http://127.0.0.1:8000. */
	readonly url: string;
	readonly token?: string;
	/** Closes the fleet. */
	readonly signal?: AbortSignal;
	/** Opens a socket. Default: the platform's WebSocket. */
	readonly webSocket?: Dial;
	/** Default: the platform's. */
	readonly fetch?: Fetch;
	/** Comes back after a dropped link. Default true. */
	readonly reconnect?: boolean;
	/** Told when the link drops, and when it is back. */
	readonly onLink?: (state: "down" | "up") => void;
	/** Told once when the fleet is closed for good: by `close`, a refusal, or after ten minutes without a link. */
	readonly onClosed?: () => void;
}

/**
 * Connects to a coordinator. The first connection is tried once.
 *
 * @throws CoveyError `unavailable` when it cannot be reached, `unauthenticated`, `version_mismatch`; `signal`'s reason.
 */
export async function connect(options: ConnectOptions): Promise<Fleet> {
	options.signal?.throwIfAborted();
	const { url, token, reconnect = true, webSocket = dialNatively, onLink } = options;
	const address = parseAddress(url);
	const multiplexer = new Multiplexer({
		dial: () => webSocket(address, dialOptions(token)),
		address: url,
		reconnect,
		onClosed: () => {
			options.signal?.removeEventListener("abort", close);
			options.onClosed?.();
		},
		...(onLink && { onLink }),
	});
	const close = () => multiplexer.close(new CoveyError("unavailable", "the connection to the coordinator was closed"));
	options.signal?.addEventListener("abort", close, { once: true });
	try {
		await multiplexer.open();
	} catch (error) {
		options.signal?.removeEventListener("abort", close);
		options.signal?.throwIfAborted();
		throw error;
	}
	return createFleet(multiplexer, close, { fetch: options.fetch ?? (globalThis.fetch as Fetch), base: url.replace(/^ws/, "http"), token });
}

/** Calls that may do their work twice when sent twice. All others are reads, or say what shall be. */
const unrepeatable: ReadonlySet<OperationName> = new Set(["task.submit", "task.resolve", "token.create"]);

function createFleet(multiplexer: Multiplexer, close: () => void, http: TransferOptions): Fleet {
	const submissions = new Submissions(multiplexer);
	const fleet: Fleet = {
		call: (name, input) => multiplexer.call(name, JSON.stringify(input), !unrepeatable.has(name)) as never,
		submit: (submission) => submissions.submit(submission),
		follow: (task, followOptions) => follow(multiplexer, task, followOptions),
		output: (task, outputOptions) => output(http, task, outputOptions),
		events: (eventsOptions) => events(multiplexer, eventsOptions),
		run: (submission, runOptions) => run(fleet, submission, runOptions),
		async uploadPack(upload, pack, { signal } = {}) {
			const response = await transfer(http, {
				method: "POST",
				path: upload,
				body: pack,
				contentType: "application/x-git-packed-objects",
				...(signal && { signal }),
			});
			await response.text();
		},
		async *download(task, artifact, { signal } = {}) {
			const path = `/api/v1/tasks/${task}/artifacts/${artifact.digest}`;
			const response = await transfer(http, { method: "GET", path, ...(signal && { signal }) });
			if (response.body) yield* response.body;
		},
		close,
		async [Symbol.asyncDispose]() {
			close();
		},
	};
	return fleet;
}

function parseAddress(url: string): string {
	try {
		return socketUrl(url);
	} catch (cause) {
		throw new CoveyError("bad_request", `${url} is not the address of a coordinator`, { hint: "it looks like http://host:8000", cause });
	}
}
