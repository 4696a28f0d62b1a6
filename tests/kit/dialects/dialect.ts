/** A tool as a request offers it. */
export interface OfferedTool {
	readonly name: string;
	/** Codex offers the tools of a server under its name. */
	readonly namespace?: string;
}

/** What a model sees of one request, whatever the dialect. */
export interface Sight {
	readonly tools: readonly OfferedTool[];
	/** Results of the tools called so far, oldest first, as the model reads them. */
	readonly results: readonly string[];
}

/** What a model says to it. */
export type Turn = { readonly say: string } | { readonly call: OfferedTool; readonly arguments: Readonly<Record<string, unknown>> };

// biome-ignore lint/suspicious/noExplicitAny: a document of somebody else's, read by what each dialect knows of it
export type Document = any;

/** The language of one vendor's endpoint. */
export interface Dialect {
	/** Of the requests that are answered with a turn. */
	readonly path: RegExp;
	see(request: Document): Sight;
	/** The events of an answer that streams: its name, if it has one, and its data. */
	stream(turn: Turn): readonly { readonly event?: string; readonly data: unknown }[];
	/** Other requests of these clients, each with a fixed answer. */
	readonly beside: readonly { readonly path: RegExp; readonly answer: unknown }[];
}

/** A vendor's text content: a string, or a list of parts with text in them; what is no text is shown as JSON. */
export function textOf(content: Document): string {
	if (typeof content === "string") return content;
	if (!Array.isArray(content)) return JSON.stringify(content);
	return content.map((part) => part.text ?? JSON.stringify(part)).join("\n");
}
