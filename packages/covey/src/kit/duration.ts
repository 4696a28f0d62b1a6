const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a text such as `250ms`, `90s`, `5m` or `1h30m`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
	if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
	let sum = 0;
	for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d)/g)) sum += Number(amount) * unitMs[unit!]!;
	return Math.round(sum);
}

/** The whole truth, in the form that `parseDuration` reads: `250ms`, `30s`, `1m30s`, `30d`. */
export function exactDuration(ms: number): string {
	let left = ms;
	const parts = Object.entries(unitMs)
		.reverse()
		.map(([unit, length]) => {
			const amount = Math.floor(left / length);
			left -= amount * length;
			return amount === 0 ? "" : `${amount}${unit}`;
		});
	return parts.join("") || "0s";
}

/** For people: `85 ms`, `1.4 s`, `12 m 05 s`, `3 h 20 m`, `4 d 6 h`. */
export function formatDuration(ms: number): string {
	const pad = (value: number) => String(value).padStart(2, "0");
	const seconds = Math.floor(ms / 1000);
	if (ms < 1000) return `${Math.round(ms)} ms`;
	if (seconds < 60) return `${(ms / 1000).toFixed(1)} s`;
	if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
	if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${pad(Math.floor(seconds / 60) % 60)} m`;
	return `${Math.floor(seconds / 86_400)} d ${Math.floor(seconds / 3600) % 24} h`;
}
