import type { ServerResponse } from "node:http";
import { CoveyError } from "@covey/protocol";
import { httpLimits } from "#coordinator/limits.ts";
import { beginStream } from "./answer.ts";

/**
 * Server-sent events (WHATWG HTML §9.2) to one reader. A reader that does not read is dropped when too much waits for
 * it: it comes back with `Last-Event-ID` and loses nothing that is kept.
 */
export interface EventStream {
	/** @param id what a reader sends back as `Last-Event-ID`. */
	send(event: string, id: number | undefined, data: unknown): void;
	end(): void;
}

/** All open streams, so that they are bounded and end when the coordinator stops. */
export class EventStreams {
	readonly #open = new Set<ServerResponse>();

	/** @throws CoveyError `too_many`. */
	open(response: ServerResponse): EventStream {
		if (this.#open.size >= httpLimits.streamsMax)
			throw new CoveyError("too_many", `${this.#open.size} event streams are open`, { retryAfterMs: 1000 });
		beginStream(response, "text/event-stream; charset=utf-8", { "x-accel-buffering": "no" });
		const write = (text: string) => {
			if (response.writableLength > httpLimits.streamBacklogBytesMax) response.destroy();
			else response.write(text);
		};
		write("retry: 1000\n\n");
		const heartbeat = setInterval(() => write(": alive\n\n"), httpLimits.streamHeartbeatMs);
		this.#open.add(response);
		response.once("close", () => {
			clearInterval(heartbeat);
			this.#open.delete(response);
		});
		return {
			send: (event, id, data) => write(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`),
			end: () => void response.end(),
		};
	}

	endAll(): void {
		for (const response of this.#open) response.end();
	}
}
