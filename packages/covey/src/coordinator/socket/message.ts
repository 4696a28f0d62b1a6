import { CoveyError, FromClient } from "@covey/protocol";
import { check } from "#coordinator/operations/call.ts";

/**
 * One text frame of a client. The envelope of a call, the most frequent message, is checked by hand, since its input
 * is checked in full by its operation's own schema.
 * @throws CoveyError `bad_request`.
 */
export function decodeFromClient(text: string): FromClient {
	const message = parse(text);
	if (isCall(message)) return message;
	return check(FromClient, message);
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		throw new CoveyError("bad_request", "a text frame is no JSON");
	}
}

function isCall(message: unknown): message is Extract<FromClient, { type: "call" }> {
	if (typeof message !== "object" || message === null) return false;
	const { type, id, operation, input } = message as Record<string, unknown>;
	const isId = typeof id === "number" && Number.isInteger(id) && id >= 1 && id <= 0xffff_ffff;
	return type === "call" && isId && typeof operation === "string" && operation.length <= 64 && input !== undefined;
}
