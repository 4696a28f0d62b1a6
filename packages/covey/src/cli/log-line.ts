import { isUtf8 } from "node:buffer";
import type { OutputItem } from "@covey/client";
import { jsonSchemaVersion } from "@covey/protocol/versions";

/**
 * A piece of a task's output, or a gap in it, as a line of JSON. `offset` counts bytes of the attempt's output. The bytes are in `text`,
 * or where they are no UTF-8 of their own (binary output, a character that is cut by the end of a piece) in `base64`.
 */
export function logLine(task: string, item: OutputItem): string {
	const { type, attempt, stream, offset } = item;
	return JSON.stringify({
		schema: jsonSchemaVersion,
		type,
		task,
		attempt,
		stream,
		offset,
		...(type === "gap" ? { bytes: item.bytes } : bytesOf(item.data)),
	});
}

const bytesOf = (data: Uint8Array): { readonly text: string } | { readonly base64: string } =>
	isUtf8(data) ? { text: Buffer.from(data).toString("utf8") } : { base64: Buffer.from(data).toString("base64") };
