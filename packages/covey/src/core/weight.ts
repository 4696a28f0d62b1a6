/** About how many bytes a JSON value is long. Walked, not written out: this is done once for each task, and strings make up the most. */
export function weightOf(value: unknown): number {
	if (typeof value === "string") return value.length + 4;
	if (typeof value !== "object" || value === null) return 4;
	let bytes = 4;
	if (Array.isArray(value)) for (const item of value) bytes += weightOf(item);
	else for (const key in value) bytes += key.length + weightOf((value as Record<string, unknown>)[key]);
	return bytes;
}
