/** The known word that a typing mistake may have meant; undefined when none is near. */
export function closest(typed: string, known: readonly string[]): string | undefined {
	const near = [...new Set(known)]
		.map((word) => ({ word, distance: word.startsWith(typed) && typed.length > 2 ? 0 : distance(typed, word) }))
		.filter(({ word, distance }) => distance <= Math.max(1, Math.floor(Math.min(typed.length, word.length) / 3)))
		.sort((a, b) => a.distance - b.distance);
	return near[0]?.word;
}

/** Insertions, deletions, changes and swaps of neighbours between two words (Damerau and Levenshtein, restricted). */
function distance(a: string, b: string): number {
	const rows: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
	const at = (i: number, j: number) => (rows[i] as number[])[j] as number;
	for (let j = 1; j <= b.length; j++) (rows[0] as number[])[j] = j;
	for (let i = 1; i <= a.length; i++) {
		for (let j = 1; j <= b.length; j++) {
			const change = a[i - 1] === b[j - 1] ? 0 : 1;
			let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + change);
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
			(rows[i] as number[])[j] = best;
		}
	}
	return at(a.length, b.length);
}
