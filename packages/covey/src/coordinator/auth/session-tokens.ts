/** Bearer tokens of workers' sessions: issued and renewed by the worker link, shown for packs and artifacts. */
export interface SessionTokens {
	/** Compares in constant time; undefined for anything unknown, expired or of a session that ended. */
	verify(token: string): { readonly worker: string; readonly session: string; readonly namespaces: readonly string[] } | undefined;
}
