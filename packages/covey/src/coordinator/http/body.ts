import type { IncomingMessage } from "node:http";
import { CoveyError, wireLimits } from "@covey/protocol";
import { httpLimits } from "#coordinator/limits.ts";
import { HttpRefusal } from "./answer.ts";

/**
 * The JSON body of a call; an empty one is `{}`. Only as `application/json`, which a web page of another origin cannot
 * send without asking first.
 * @throws CoveyError `bad_request`, `too_large`, `timeout`.
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
	const length = Number(request.headers["content-length"] ?? 0);
	if (length > wireLimits.messageBytesMax) throw tooLarge();
	const hasBody = length > 0 || request.headers["transfer-encoding"] !== undefined;
	if (!/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? (hasBody ? "" : "application/json"))) {
		throw new HttpRefusal(415, new CoveyError("bad_request", "the body must be application/json", { hint: "set the header content-type" }));
	}
	const text = await readText(request);
	if (text === "") return {};
	try {
		return JSON.parse(text);
	} catch {
		throw new CoveyError("bad_request", "the body is no JSON");
	}
}

async function readText(request: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of untilIdle(request)) {
		bytes += chunk.length;
		if (bytes > wireLimits.messageBytesMax) throw tooLarge();
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

/** The chunks of a body of any size. @throws CoveyError `timeout` when it stands still. */
export async function* untilIdle(request: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
	const timer = setTimeout(() => request.destroy(new CoveyError("timeout", "the body stood still")), httpLimits.bodyIdleMs);
	try {
		// Not destroyed on an early end: the refusal still has to go out on this socket.
		for await (const chunk of request.iterator({ destroyOnReturn: false })) {
			timer.refresh();
			yield chunk as Buffer;
			timer.refresh();
		}
	} finally {
		clearTimeout(timer);
	}
}

function tooLarge(): CoveyError {
	return new CoveyError("too_large", `the body is larger than ${wireLimits.messageBytesMax} bytes`);
}
