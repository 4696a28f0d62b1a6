import { CoveyError } from "@covey/protocol/errors";
import type { FollowOptions, OutputItem } from "./follow.ts";
import { type TransferOptions, transfer } from "./transfer.ts";

/** One event of the stream may hold a whole log frame in base64. */
const eventCharactersMax = 2 * 1024 * 1024;

/**
 * The output that an attempt has written by now, and then the end; see `follow` for what comes later.
 * @throws CoveyError; `signal`'s reason.
 */
export async function* output(
	http: TransferOptions,
	task: string,
	{ attempt, offset = 0, signal }: Pick<FollowOptions, "attempt" | "offset" | "signal"> = {},
): AsyncGenerator<OutputItem, void, undefined> {
	const query = new URLSearchParams({ offset: String(offset), ...(attempt !== undefined && { attempt: String(attempt) }) });
	const path = `/api/v1/tasks/${task}/log?${query}`;
	const response = await transfer(http, { method: "GET", path, accept: "text/event-stream", ...(signal && { signal }) });
	for await (const { name, data } of serverSentEvents(response.body)) {
		if (name === "end") return;
		const fields = JSON.parse(data) as { offset: number; bytes?: number; base64?: string };
		const at = { attempt: attempt ?? 0, offset: fields.offset };
		if (name === "gap") yield { type: "gap", stream: "stdout", bytes: fields.bytes ?? 0, ...at };
		if (name === "stdout" || name === "stderr") yield { type: "output", stream: name, data: fromBase64(fields.base64 ?? ""), ...at };
	}
	throw new CoveyError("unavailable", "the coordinator broke off in the middle of the output");
}

/** As much of the standard's format as the coordinator writes: `event`, and one `data` line. */
async function* serverSentEvents(body: AsyncIterable<Uint8Array> | null): AsyncGenerator<{ name: string; data: string }> {
	const decoder = new TextDecoder();
	let text = "";
	for await (const chunk of body ?? []) {
		text += decoder.decode(chunk, { stream: true });
		if (text.length > eventCharactersMax) throw new CoveyError("too_large", "an event of the output stream has no end");
		const events = text.split("\n\n");
		text = events.pop() ?? "";
		for (const event of events) {
			const field = (name: string) =>
				event
					.split("\n")
					.find((line) => line.startsWith(`${name}: `))
					?.slice(name.length + 2);
			const data = field("data");
			if (data !== undefined) yield { name: field("event") ?? "message", data };
		}
	}
}

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
