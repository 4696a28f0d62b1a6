/**
 * What the SDK needs of a WebSocket: the browser's own and that of the `ws` package both have it. Binary messages may
 * come as ArrayBuffer or as Uint8Array. `onerror` may carry a CoveyError in `event.error` when the dialler knows more
 * than the standard's empty error, as after a refused upgrade.
 */
export interface WebSocketLike {
	onopen: ((event: never) => unknown) | null;
	onmessage: ((event: never) => unknown) | null;
	onerror: ((event: never) => unknown) | null;
	onclose: ((event: never) => unknown) | null;
	send(data: string): void;
	close(code?: number, reason?: string): void;
}

export interface DialOptions {
	/** For diallers that can set headers. */
	readonly headers: Readonly<Record<string, string>>;
	/** For those that cannot (browsers): the token travels as a subprotocol. Empty when there is no token. */
	readonly protocols: readonly string[];
}

export type Dial = (url: string, options: DialOptions) => WebSocketLike;

/** Name of the subprotocol that the coordinator answers with, and prefix of the one that carries a browser's token. */
export const subprotocol = "covey.1";
export const tokenSubprotocolPrefix = "covey.token.";

/** The dialler of browsers (and of Node's own WebSocket). */
export const dialNatively: Dial = (url, { protocols }) => {
	const socket = new WebSocket(url, [...protocols]);
	socket.binaryType = "arraybuffer";
	return socket as WebSocketLike;
};

/** The address of the socket for a coordinator's address, as in http://host:8000. @throws TypeError for no URL. */
export function socketUrl(base: string): string {
	const url = new URL("/api/v1/socket", base);
	url.protocol = url.protocol === "https:" || url.protocol === "wss:" ? "wss:" : "ws:";
	return url.href;
}

/** @returns the headers and subprotocols that show `token`. */
export function dialOptions(token: string | undefined): DialOptions {
	if (token === undefined) return { headers: {}, protocols: [] };
	return { headers: { authorization: `Bearer ${token}` }, protocols: [subprotocol, `${tokenSubprotocolPrefix}${token}`] };
}
