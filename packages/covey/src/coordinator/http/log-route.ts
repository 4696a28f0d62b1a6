import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { CoveyError, isUnderWay, LogQuery, type OutputFrame } from "@covey/protocol";
import type { Logs } from "#coordinator/logs/log.ts";
import { check } from "#coordinator/operations/call.ts";
import type { OperationContext } from "#coordinator/operations/context.ts";
import { findWholeTask } from "#coordinator/operations/lookup.ts";
import { beginStream } from "./answer.ts";
import type { EventStream, EventStreams } from "./event-stream.ts";
import type { GuardedRoute } from "./route.ts";

/**
 * `GET /api/v1/tasks/{task}/log?attempt=&offset=&follow=`: one attempt's output from an offset, by default the current
 * attempt's. As raw bytes of both streams; or with `Accept: text/event-stream` as events `stdout`, `stderr` and `gap`
 * whose ids are the offset behind them, for `Last-Event-ID`, and `end`. A gap in raw bytes is a line that says so.
 */
export function createLogRoute(context: OperationContext, logs: Logs, streams: EventStreams): GuardedRoute {
	return {
		method: "GET",
		path: "/api/v1/tasks/{task}/log",
		summary: "The output of an attempt, raw or as server-sent events",
		access: ["read", "submit"],
		async handle({ request, response, url, parameters, signal }, principal) {
			const follow = url.searchParams.get("follow");
			const query = check(LogQuery, {
				...Object.fromEntries(url.searchParams),
				...parameters,
				follow: follow !== null && follow !== "0" && follow !== "false",
			});
			const task = await findWholeTask(context, query.task, principal);
			const attempt = query.attempt ?? task.attempt;
			if (attempt > task.attempt) throw new CoveyError("not_found", `${task.id} has had ${task.attempt} attempts, not ${attempt}`);
			const offset = resumeOffset(request.headers["last-event-id"]) ?? query.offset;
			const live = attempt === task.attempt && isUnderWay(task.status);
			const frames = attempt === 0 ? [] : logs.read(task.id, attempt, { offset, follow: query.follow && live, signal });
			const asEvents = request.headers.accept?.includes("text/event-stream") ?? false;
			await (asEvents ? sendEvents(response, streams.open(response), frames) : sendRaw(response, frames, { attempt, offset }));
		},
	};
}

type Frames = AsyncIterable<OutputFrame> | Iterable<OutputFrame>;

async function sendRaw(response: ServerResponse, frames: Frames, at: { readonly attempt: number; readonly offset: number }): Promise<void> {
	beginStream(response, "application/octet-stream", { "covey-attempt": at.attempt, "covey-offset": at.offset });
	response.flushHeaders();
	for await (const frame of frames) {
		const data = frame.kind === "gap" ? `\n[covey: ${frame.length} bytes of output are missing here]\n` : frame.data;
		if (!response.write(data)) await drained(response);
	}
	response.end();
}

async function sendEvents(response: ServerResponse, stream: EventStream, frames: Frames): Promise<void> {
	for await (const { kind, stream: name, offset, length, data } of frames) {
		if (kind === "gap") stream.send("gap", offset + length, { offset, bytes: length });
		else
			stream.send(name, offset + length, { offset, base64: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") });
		if (response.writableNeedDrain) await drained(response);
	}
	stream.send("end", undefined, {});
	stream.end();
}

/** Also when the reader went away: the log's reader then ends by its signal. */
async function drained(response: ServerResponse): Promise<void> {
	if (response.destroyed) return;
	const gone = new AbortController();
	await Promise.race([
		once(response, "drain", { signal: gone.signal }).catch(() => {}),
		once(response, "close", { signal: gone.signal }).catch(() => {}),
	]);
	gone.abort();
}

function resumeOffset(header: string | string[] | undefined): number | undefined {
	return typeof header === "string" && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}
