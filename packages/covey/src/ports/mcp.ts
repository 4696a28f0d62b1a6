import type { IncomingMessage, ServerResponse } from "node:http";

/** Whoever may submit, as the Model Context Protocol's endpoint sees it. */
export interface McpCaller {
	/** Of the token; what it holds open is its own. */
	readonly tokenId: string;
	/** As shown: the endpoint calls the coordinator in the caller's name and may no more than the caller. */
	readonly token: string;
	/** On this machine; absent: the token names none. */
	readonly worktree?: string;
}

/** Serves the Model Context Protocol over Streamable HTTP, behind the coordinator's guard and authentication. */
export interface McpEndpoint {
	handle(request: IncomingMessage, response: ServerResponse, caller: McpCaller): Promise<void>;
}
