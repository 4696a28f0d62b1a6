/** What a person may set; milliseconds. */
export interface McpSettings {
	/** Outranks what is known of the client. */
	readonly waitMs?: number | undefined;
	/** Of a run that names none. */
	readonly timeoutMs: number;
	/** A run ends when its asker has not been heard of for so long. */
	readonly holdMs: number;
}
