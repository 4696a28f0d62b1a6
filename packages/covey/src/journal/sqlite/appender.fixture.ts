import type { RecordChange } from "#core/record.ts";
import { openSqliteJournal } from "./journal.ts";

/**
 * Appends for ever to the journal named by the first argument, and writes each acknowledged sequence on a line of
 * stdout. Snapshots and truncates on the way. Made to be killed. Entry n sets record `n % ids` to n, so that whoever
 * recovers can tell what the state must be.
 */
export const ids = 40;

export function changeOf(sequence: number): RecordChange {
	const padding = "x".repeat((sequence * 7919) % 9000);
	return { kind: "task", id: `t${sequence % ids}`, version: 1, value: { revision: sequence, padding } };
}

export function* stateAt(sequence: number): Iterable<RecordChange> {
	for (let each = Math.max(1, sequence - ids + 1); each <= sequence; each++) yield changeOf(each);
}

if (process.argv[1] === import.meta.filename) {
	const journal = await openSqliteJournal({ file: process.argv[2]! });
	process.stdout.write("ready\n");
	let storing = Promise.resolve();
	for (;;) {
		const answer = await journal.append(journal.tail, [changeOf(journal.tail + 1)]);
		if (answer.kind !== "stored") throw new Error(answer.kind);
		process.stdout.write(`${answer.sequence}\n`);
		if (answer.sequence % 25 === 0)
			storing = storing.then(async () => {
				await journal.putSnapshot(answer.sequence, stateAt(answer.sequence), new AbortController().signal);
				await journal.truncate(answer.sequence);
			});
	}
}
