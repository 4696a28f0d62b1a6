import type { Fleet } from "@covey/client";
import { CoveyError, isUnderWay, type Purpose, RunPayload, type TaskView } from "@covey/protocol";
import { cleanLine } from "#mcp/reports/clean-line.ts";
import { isParserName } from "#mcp/reports/parser-names.ts";
import { createParser } from "#mcp/reports/parsers.ts";
import type { LogParser, Report } from "#mcp/reports/report.ts";
import { Ends } from "./ends.ts";
import { Lines } from "./lines.ts";

/** A task as its asker sees it: how it stands, and what its log says so far. */
export interface JobReading {
	readonly task: TaskView;
	/** Undefined while it goes on. */
	readonly report?: Report;
	readonly ends: Ends;
	readonly logBytes: number;
	/** Bytes of output that are lost for good. */
	readonly lostBytes: number;
}

/**
 * Follows one task from the first byte of its log to its end, in bounded memory. A new attempt starts the reading anew.
 * Many may wait for one job; it reads on when nobody does.
 */
export class Job {
	readonly id: string;
	readonly ended: Promise<JobReading>;
	#task: TaskView;
	#reading: LogReading;
	readonly #fleet: Fleet;
	readonly #abort = new AbortController();

	constructor(fleet: Fleet, task: TaskView) {
		this.id = task.id;
		this.#fleet = fleet;
		this.#task = task;
		this.#reading = new LogReading(purposeOf(task));
		this.ended = this.#follow();
		this.ended.catch(() => {});
	}

	get task(): TaskView {
		return this.#task;
	}

	/** The last line that said something. */
	get lastLine(): string | undefined {
		return this.#reading.ends.last;
	}

	/** Since when (epoch ms) its worker has not been heard of; undefined while it is there, or nobody knows. */
	async silentSince(): Promise<number | undefined> {
		const attempt = this.#task.attempts.at(-1);
		if (attempt === undefined || !isUnderWay(this.#task.status)) return undefined;
		const found = await this.#fleet.call("worker.list", {}).catch(() => undefined);
		const worker = found?.workers.find(({ name }) => name === attempt.worker);
		return worker === undefined || worker.status === "connected" ? undefined : (worker.seenAt ?? attempt.claimedAt);
	}

	reading(): JobReading {
		const { ends, bytes, lostBytes } = this.#reading;
		return { task: this.#task, ends, logBytes: bytes, lostBytes };
	}

	/** Reads no more. The task goes on. */
	close(): void {
		this.#abort.abort(new CoveyError("conflict", "nobody reads this job any more"));
	}

	async #follow(): Promise<JobReading> {
		for await (const item of this.#fleet.follow(this.id, { signal: this.#abort.signal })) {
			if (item.type === "task") this.#task = item.task;
			else if (item.type === "attempt") this.#reading = new LogReading(purposeOf(this.#task));
			else if (item.type === "output") this.#reading.output(item.stream, item.data);
			else this.#reading.gap(item.bytes);
		}
		const report = this.#reading.end();
		return { ...this.reading(), report };
	}
}

/** What the asker of a task meant by it; a command of anybody else is only a command. */
export function purposeOf(task: TaskView): Purpose {
	const payload = RunPayload.safeParse(task.submission.payload);
	return (payload.success && payload.data.purpose) || { verb: "run_command", parser: "generic" };
}

/** The log of one attempt on its way through the parser. */
class LogReading {
	readonly ends = new Ends();
	bytes = 0;
	lostBytes = 0;
	readonly #parser: LogParser;
	readonly #streams: Readonly<Record<"stdout" | "stderr", Lines>>;

	constructor({ parser, filter }: Purpose) {
		this.#parser = createParser(isParserName(parser) ? parser : "generic", filter === undefined ? {} : { filter });
		this.#streams = { stdout: this.#lines("stdout"), stderr: this.#lines("stderr") };
	}

	output(stream: "stdout" | "stderr", data: Uint8Array): void {
		this.bytes += data.length;
		this.#streams[stream].push(data);
	}

	gap(bytes: number): void {
		this.lostBytes += bytes;
		this.bytes += bytes;
	}

	end(): Report {
		this.#streams.stdout.end();
		this.#streams.stderr.end();
		return this.#parser.end();
	}

	#lines(stream: "stdout" | "stderr"): Lines {
		return new Lines((raw) => {
			const line = cleanLine(raw);
			this.#parser.line(line, stream);
			const readable = this.#parser.readable ? this.#parser.readable(line) : line;
			if (readable === undefined) return;
			for (const one of readable.split("\n")) this.ends.push(one);
		});
	}
}
