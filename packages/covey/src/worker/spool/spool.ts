import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Assign, AttemptReport } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { z } from "zod";
import type { Logger } from "#kit/logger.ts";
import { AttemptOutput, type OutputLimits } from "./attempt-output.ts";
import { type Segment, segmentSuffix } from "./segment.ts";

export interface SpoolOptions {
	readonly directory: string;
	readonly limits: OutputLimits;
	/** Over all attempts, in memory and on disk. */
	readonly totalBytesMax: number;
	readonly logger: Logger;
}

/** A report that an earlier process of this worker could not hand over. */
export interface Recovered {
	readonly assign: Assign;
	readonly report: AttemptReport;
}

/**
 * Output and reports of the attempts of one worker, below one directory: `<attempt key>/report.json` and segments.
 * An attempt that ends while all goes well never touches the disk: `keep` is called when it takes longer.
 */
export interface Spool {
	/** Once, at the start. What an earlier process left without a report is removed: it died with its process. */
	recover(): Promise<readonly Recovered[]>;
	/** The output of a new attempt. */
	open(assign: Assign): AttemptOutput;
	get(key: string): AttemptOutput | undefined;
	values(): Iterable<AttemptOutput>;
	/** Makes the report and the output before it survive this process. Never rejects: a full disk is logged. */
	keep(assign: Assign, report: AttemptReport): Promise<void>;
	forget(key: string): void;
	/** Waits for what is being written and removed. */
	close(): Promise<void>;
}

const Kept = z.object({ assign: Assign, report: AttemptReport, end: z.number().int().min(0), acknowledged: z.number().int().min(0) });

export function createSpool(options: SpoolOptions): Spool {
	const { directory, limits, logger } = options;
	const total = { used: 0, max: options.totalBytesMax };
	const outputs = new Map<string, AttemptOutput>();
	const busy = new Set<Promise<void>>();

	const settingsOf = (assign: { task: string; attempt: number }) => ({
		attempt: assign.attempt,
		directory: join(directory, attemptKey(assign.task, assign.attempt)),
		limits,
		total,
		logger,
	});
	function background(work: Promise<void>): Promise<void> {
		const caught = work.catch((error) => logger.error("the spool's disk failed", { error })).finally(() => busy.delete(caught));
		busy.add(caught);
		return caught;
	}
	async function write(assign: Assign, report: AttemptReport): Promise<void> {
		const key = attemptKey(assign.task, assign.attempt);
		const output = outputs.get(key);
		if (output === undefined) return;
		const place = join(directory, key);
		const position = await output.persist();
		await mkdir(place, { recursive: true, mode: 0o700 });
		const path = join(place, reportFile);
		await writeFile(`${path}.new`, JSON.stringify({ assign, report, ...position }), { mode: 0o600 });
		await rename(`${path}.new`, path);
		// Settled meanwhile: what came after its removal goes too.
		if (outputs.get(key) !== output) await rm(place, { recursive: true, force: true });
	}

	return {
		async recover() {
			await mkdir(directory, { recursive: true, mode: 0o700 });
			const found: Recovered[] = [];
			for (const key of await readdir(directory)) {
				const kept = await readKept(join(directory, key));
				if (kept === undefined) {
					await rm(join(directory, key), { recursive: true, force: true });
					continue;
				}
				const { assign, report, ...position } = kept;
				outputs.set(
					key,
					new AttemptOutput(settingsOf(assign), { ...position, segments: await listSegments(join(directory, key), kept.end) }),
				);
				found.push({ assign, report });
			}
			return found;
		},
		open(assign) {
			const output = new AttemptOutput(settingsOf(assign));
			outputs.set(attemptKey(assign.task, assign.attempt), output);
			return output;
		},
		get: (key) => outputs.get(key),
		values: () => outputs.values(),
		keep: (assign, report) => background(write(assign, report)),
		forget(key) {
			const output = outputs.get(key);
			if (output === undefined) return;
			outputs.delete(key);
			void background(output.forget());
		},
		async close() {
			while (busy.size > 0) await Promise.all(busy);
		},
	};
}

const reportFile = "report.json";

async function readKept(directory: string): Promise<z.infer<typeof Kept> | undefined> {
	try {
		return Kept.parse(JSON.parse(await readFile(join(directory, reportFile), "utf8")));
	} catch {
		return undefined;
	}
}

/** A segment ends where the next begins, the last at the end of the output. */
async function listSegments(directory: string, end: number): Promise<Segment[]> {
	const names = (await readdir(directory)).filter((name) => name.endsWith(segmentSuffix)).sort();
	const offsets = names.map((name) => Number(name.slice(0, -segmentSuffix.length)));
	return Promise.all(
		names.map(async (name, i) => {
			const path = join(directory, name);
			return { path, offset: offsets[i] as number, end: offsets[i + 1] ?? end, bytes: (await stat(path)).size };
		}),
	);
}
