import { refusalOfAnswer } from "@covey/protocol/answer";
import { CoveyError } from "@covey/protocol/errors";

/** Bytes in either direction: a whole, or in pieces. */
export type Bytes = Uint8Array | AsyncIterable<Uint8Array>;

/** What the SDK needs of HTTP. `fetch` has this shape; a leaner client may be given instead. */
export type Fetch = (
	url: string,
	init: {
		readonly method: string;
		readonly headers: Record<string, string>;
		readonly body?: Bytes;
		readonly signal?: AbortSignal;
		/** Asked for by the standard when `body` is a stream. */
		readonly duplex?: "half";
	},
) => Promise<HttpResponse>;

export interface HttpResponse {
	readonly status: number;
	text(): Promise<string>;
	readonly body: AsyncIterable<Uint8Array> | null;
}

export interface TransferOptions {
	readonly fetch: Fetch;
	readonly base: string;
	readonly token: string | undefined;
}

/**
 * One HTTP request to the coordinator.
 *
 * @throws CoveyError with the coordinator's own code and words for any status but 2xx; `unavailable` when it cannot be reached.
 */
export async function transfer(
	options: TransferOptions,
	request: { method: "GET" | "POST"; path: string; body?: Bytes; contentType?: string; accept?: string; signal?: AbortSignal },
): Promise<HttpResponse> {
	const headers: Record<string, string> = {};
	if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
	if (request.contentType !== undefined) headers["content-type"] = request.contentType;
	if (request.accept !== undefined) headers.accept = request.accept;
	const response = await options
		.fetch(new URL(request.path, options.base).href, {
			method: request.method,
			headers,
			...(request.body && { body: request.body, duplex: "half" as const }),
			...(request.signal && { signal: request.signal }),
		})
		.catch((cause: Error) => {
			request.signal?.throwIfAborted();
			throw new CoveyError("unavailable", `${options.base} cannot be reached: ${cause.message}`, { cause });
		});
	if (response.status >= 200 && response.status < 300) return response;
	throw refusalOfAnswer({ url: options.base, status: response.status, body: await response.text() });
}
