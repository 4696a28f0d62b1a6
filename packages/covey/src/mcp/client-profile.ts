/** What is known of a client by the name that it gives. Milliseconds; characters. */
export interface ClientProfile {
	/** A call is answered with a handle when the work lasts longer. Below the client's own hard limit. */
	readonly waitMs: number;
	/** Text of one result. Clients that cut keep the head. */
	readonly answerChars: number;
}

const minute = 60_000;

/**
 * Hard limits per call: Claude Code about 28 h, Codex 300 s, Gemini CLI 600 s, opencode 60 s unless progress comes;
 * what is not known may have the 60 s of the SDK (observed in November 2026).
 */
const profiles: Readonly<Record<string, ClientProfile>> = {
	"claude-code": { waitMs: 30 * minute, answerChars: 6000 },
	"codex-mcp-client": { waitMs: 4 * minute, answerChars: 6000 },
	"gemini-cli-mcp-client": { waitMs: 9 * minute, answerChars: 6000 },
	opencode: { waitMs: 30 * minute, answerChars: 6000 },
};
const unknown: ClientProfile = { waitMs: 45_000, answerChars: 6000 };

export function profileOf(clientName: string | undefined): ClientProfile {
	return profiles[clientName ?? ""] ?? unknown;
}
