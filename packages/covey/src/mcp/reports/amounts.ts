/** A number from a log. One that no count, line or column can be is taken for zero. */
export function wholeOf(digits: string | undefined): number {
	return digits !== undefined && digits.length <= digitsMax ? Number(digits) : 0;
}

/** "3 failed | 1 passed": the number before a word, zero when the word is not there. */
export function amountOf(text: string, word: string): number {
	const end = text.indexOf(` ${word}`);
	return end < 0 ? 0 : wholeOf(/\d+$/.exec(text.slice(Math.max(0, end - digitsMax - 1), end))?.[0]);
}

const digitsMax = 9;

export const plural = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? "" : "s"}`;
