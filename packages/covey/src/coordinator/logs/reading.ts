import type { OutputFrame } from "@covey/protocol/frames";
import type { OpenLog } from "./attempt-log.ts";
import { listSegments, readSegment, type Segment } from "./segment.ts";
import { gapFrame, sliceFrame } from "./slice.ts";

export interface ReadOptions {
	readonly offset: number;
	readonly follow: boolean;
	readonly signal: AbortSignal;
}

/** Where the file after the last frame given goes on; saves a reader that fell out of memory the search. */
interface Place {
	readonly segment: Readonly<Segment>;
	readonly position: number;
}

/**
 * Reads an open log: from memory where it can, from the files where it has to, and where neither has anything,
 * a gap. It then waits for more, or ends with the log.
 */
export async function* readOpenLog(log: OpenLog, { offset, follow, signal }: ReadOptions): AsyncGenerator<OutputFrame> {
	using _ = log.follow();
	let cursor = offset;
	let place: Place | undefined;
	for (;;) {
		signal.throwIfAborted();
		const number = log.recent.find(cursor);
		if (number !== undefined) {
			const { frame, segment, position, bytes } = log.recent.at(number)!;
			yield sliceFrame(frame, cursor);
			cursor = frame.offset + frame.length;
			place = { segment, position: position + bytes };
			continue;
		}
		if (cursor < log.written) {
			const before = cursor;
			for await (const found of readSegments(log.directory, log.segments, { cursor, place, attempt: log.attempt, signal })) {
				yield found.frame;
				cursor = found.frame.offset + found.frame.length;
				place = found.place;
			}
			if (cursor > before) continue;
		}
		if (cursor < log.end) {
			const next = log.recent.at(log.recent.first)?.frame.offset ?? log.end;
			yield gapFrame(log.attempt, cursor, (next > cursor ? next : log.end) - cursor);
			cursor = next > cursor ? next : log.end;
			continue;
		}
		if (log.finished || !follow) return;
		await log.changed(signal);
	}
}

/** Reads a log that nobody writes. `end`: where it is known to end, also when the last bytes are missing. */
export async function* readClosedLog(
	directory: string,
	attempt: number,
	end: number,
	{ offset, signal }: Omit<ReadOptions, "follow">,
): AsyncGenerator<OutputFrame> {
	let cursor = offset;
	for await (const { frame } of readSegments(directory, await listSegments(directory), { cursor, attempt, signal })) {
		yield frame;
		cursor = frame.offset + frame.length;
	}
	if (cursor < end) yield gapFrame(attempt, cursor, end - cursor);
}

/** What the files hold from `cursor` on, with a gap wherever the next thing begins later. */
async function* readSegments(
	directory: string,
	segments: readonly Readonly<Segment>[],
	options: { readonly cursor: number; readonly place?: Place | undefined; readonly attempt: number; readonly signal: AbortSignal },
): AsyncGenerator<{ readonly frame: OutputFrame; readonly place: Place | undefined }> {
	let { cursor } = options;
	const { attempt, place, signal } = options;
	let index = place === undefined ? segments.findLastIndex(({ first }) => first <= cursor) : segments.indexOf(place.segment);
	let from = index < 0 ? 0 : (place?.position ?? 0);
	for (index = Math.max(0, index); index < segments.length; index++, from = 0) {
		const segment = segments[index]!;
		for await (const { frame, position, bytes } of readSegment(directory, segment, from)) {
			signal.throwIfAborted();
			const after = frame.offset + frame.length;
			if (after <= cursor) continue;
			if (frame.offset > cursor) yield { frame: gapFrame(attempt, cursor, frame.offset - cursor), place: undefined };
			cursor = Math.max(cursor, frame.offset);
			yield { frame: sliceFrame(frame, cursor), place: { segment, position: position + bytes } };
			cursor = after;
		}
	}
}
