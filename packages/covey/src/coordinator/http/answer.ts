import type { ServerResponse } from "node:http";
import { CoveyError, errorTable } from "@covey/protocol";

/** Headers of every answer: it is data, for whoever asked, and nothing may frame, sniff or keep it. */
const plainHeaders = {
	"cache-control": "no-store",
	"content-security-policy": "default-src 'none'; frame-ancestors 'none'",
	"x-content-type-options": "nosniff",
	"referrer-policy": "no-referrer",
} as const;

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
	const body = Buffer.from(JSON.stringify(value));
	response.writeHead(status, { ...plainHeaders, "content-type": "application/json; charset=utf-8", "content-length": body.length });
	response.end(body);
}

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
	const body = Buffer.from(text);
	response.writeHead(status, { ...plainHeaders, "content-type": type, "content-length": body.length });
	response.end(body);
}

/** For an answer that somebody else writes. */
export function setPlainHeaders(response: ServerResponse): void {
	for (const [name, value] of Object.entries(plainHeaders)) response.setHeader(name, value);
}

/** Begins an answer of unknown length. */
export function beginStream(response: ServerResponse, type: string, headers: Readonly<Record<string, string | number>> = {}): void {
	response.writeHead(200, { ...plainHeaders, "content-type": type, ...headers });
}

/** A refusal that HTTP has its own status for and the error table does not. */
export class HttpRefusal extends CoveyError {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;

	constructor(status: number, error: CoveyError, headers: Readonly<Record<string, string>> = {}) {
		super(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
		this.status = status;
		this.headers = headers;
	}
}

/** What is not a CoveyError is a fault of ours: the caller learns that, and no more. */
export function asCoveyError(error: unknown): CoveyError {
	return error instanceof CoveyError ? error : new CoveyError("internal", "the coordinator failed at this call; its log says why");
}

export function sendError(response: ServerResponse, cause: unknown): void {
	const error = asCoveyError(cause);
	if (response.headersSent) {
		// The status is out already: cutting the connection is the only way to say that the body is not whole.
		response.destroy();
		return;
	}
	if (error.retryAfterMs !== undefined) response.setHeader("retry-after", Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
	if (error.code === "unauthenticated") response.setHeader("www-authenticate", "Bearer");
	if (error instanceof HttpRefusal) for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
	// What is left of a refused body is not waited for.
	if (!response.req.complete) response.setHeader("connection", "close");
	sendJson(response, error instanceof HttpRefusal ? error.status : errorTable[error.code].http, error.toWire());
}
