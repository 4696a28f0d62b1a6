import type { IncomingMessage } from "node:http";

/** A refusal is a sentence or two; whatever is longer or slower is somebody else's page. */
const bytesMax = 64 * 1024;
const waitMs = 2000;

/** The text of an answer where a socket was asked for; what had come of it when it broke off, grew too long or took too long. */
export async function readAnswerBody(response: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	const timer = setTimeout(() => response.destroy(), waitMs);
	try {
		for await (const chunk of response as AsyncIterable<Buffer>) {
			chunks.push(chunk);
			bytes += chunk.length;
			if (bytes > bytesMax) break;
		}
	} catch {
		// It broke off: what is here has to do.
	} finally {
		clearTimeout(timer);
	}
	return Buffer.concat(chunks).toString("utf8");
}
