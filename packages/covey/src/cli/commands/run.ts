import type { FinalRecord, Fleet } from "@covey/client";
import { CoveyError } from "@covey/protocol/errors";
import type { SubmitResult } from "@covey/protocol/operations";
import { defineCommand } from "#cli/command.ts";
import { exitCodeOfRecord, exitCodes } from "#cli/exit-code.ts";
import { openFleet } from "#cli/fleet.ts";
import { type RunFlags, runOptions } from "#cli/run/flags.ts";
import { watchInterrupts } from "#cli/run/interrupts.ts";
import { endLine, warningLines } from "#cli/run/lines.ts";
import { ReaderGone } from "#cli/run/output-writer.ts";
import { type RunSettings, runSettings } from "#cli/run/settings.ts";
import { createSubmission } from "#cli/run/submission.ts";
import { watchTask } from "#cli/run/watch.ts";
import { plain } from "#cli/table.ts";
import { print, say, talkStyle } from "#cli/terminal.ts";
import { carrySnapshot } from "#compose/carry.ts";
import { paths } from "#compose/paths.ts";
import { createSnapshot, type Snapshot } from "#host/git/snapshot.ts";

export const run = defineCommand<RunFlags>({
	arguments: [["<command...>", "the program and its arguments, run without a shell"]],
	options: runOptions,
	passThrough: true,
	notes: [
		"Covey's options stand before COMMAND: from its first word on everything is the command's own, with -- or without.",
		"  covey run --on mini -- npm test --silent",
		"",
		"The worktree travels as it is now, committed or not. Exit code: the command's own; 124 timed out; 130 cancelled; 7 no worker. Ctrl-C cancels, twice at once. A closed terminal does not: covey attach finds the run.",
	].join("\n"),
	run: async ({ arguments: command, options: flags }) => {
		const directory = process.cwd();
		const abort = new AbortController();
		const watched = new WatchedRun(abort);
		using interrupts = watchInterrupts(watched);
		const settings = await runSettings(directory);
		// Side by side: git looks at the worktree while the coordinator is dialled (or started). Git first: it is another process.
		const taking = takeSnapshot(flags, settings, directory, abort.signal);
		const opening = openFleet({ start: true, signal: abort.signal });
		for (const begun of [taking, opening]) begun.catch(() => {});
		try {
			const snapshot = await taking;
			await using fleet = await opening;
			const submission = await createSubmission({ command, flags, settings, snapshot, directory, environment: process.env });
			if (snapshot) await carrySnapshot(fleet, snapshot, submission.namespace ?? "default", abort.signal);
			const submitted = await fleet.submit(submission).catch(async (error) => {
				throw await explainMissing(fleet, error, flags);
			});
			watched.began(fleet, submitted);
			const { pull } = submission.payload;
			const exitCode = await watched.watch({ flags, pull, root: snapshot?.worktreeRoot ?? directory });
			return exitCode === exitCodes.interrupted && interrupts.heard === "SIGTERM" ? exitCodes.terminated : exitCode;
		} catch (error) {
			if (interrupts.heard && error === abort.signal.reason)
				return interrupts.heard === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
			throw error;
		} finally {
			// A failed snapshot leaves a connection in the making behind.
			abort.abort(new CoveyError("conflict", "the command has ended"));
		}
	},
});

/** The refusal of a run that no worker fits, with what may have been meant. */
async function explainMissing(fleet: Fleet, error: unknown, { on, tag }: RunFlags): Promise<unknown> {
	if (!(error instanceof CoveyError) || error.code !== "no_worker") return error;
	const { withMeant } = await import("#cli/meant.ts");
	return withMeant(fleet, error, { machine: on, tags: tag });
}

/** A run that waits for a machine, or would rather have it, is not refused when there is none: the person hears of a slip. */
async function warnOfUnknown(fleet: Fleet, { on, prefer, tag }: RunFlags): Promise<void> {
	const { sayMeant } = await import("#cli/meant.ts");
	await sayMeant(fleet, { machine: on ?? prefer, tags: tag });
}

async function takeSnapshot(flags: RunFlags, settings: RunSettings, directory: string, signal: AbortSignal): Promise<Snapshot | undefined> {
	if (!flags.snapshot) return undefined;
	const snapshot = await createSnapshot({
		directory,
		cacheDirectory: paths().clientCache,
		signal,
		...(flags.include && { include: flags.include }),
		...(flags.allow && { allow: flags.allow }),
		...(settings.snapshot_file_bytes_max !== undefined && { fileBytesMax: settings.snapshot_file_bytes_max }),
	});
	for (const note of snapshot.notes) say(`${talkStyle.yellow("covey:")} ${note}`);
	return snapshot;
}

interface Asked {
	readonly flags: RunFlags;
	/** Paths to bring back, from the root of the worktree. */
	readonly pull: readonly string[];
	/** Where they go. */
	readonly root: string;
}

/** A run from the first signal handler to the last line. Before it `began`, a cancel aborts; after, it is asked for. */
class WatchedRun {
	#fleet: Fleet | undefined;
	#submitted: SubmitResult | undefined;
	readonly #abort: AbortController;
	/** Resolves when this run shares its task with others and has left it to them. */
	readonly #left = Promise.withResolvers<void>();

	constructor(abort: AbortController) {
		this.#abort = abort;
	}

	began(fleet: Fleet, submitted: SubmitResult): void {
		this.#fleet = fleet;
		this.#submitted = submitted;
		if (this.#abort.signal.aborted) this.cancel();
	}

	cancel(): void {
		if (this.#submitted === undefined) {
			this.#abort.abort(new CoveyError("conflict", "interrupted"));
			return;
		}
		say(`${talkStyle.dim("covey:")} cancelling ${this.#submitted.task}; once more kills it and leaves at once`);
		this.#cancel(false).catch((error) => say(`${talkStyle.red("covey:")} ${plain(error.message, 300)}`));
	}

	/** Waits for the coordinator's word only so long: the person wants to leave. */
	async force(): Promise<void> {
		if (this.#submitted === undefined) return;
		say(`${talkStyle.dim("covey:")} killing ${this.#submitted.task} and leaving`);
		await Promise.race([this.#cancel(true).catch(() => {}), new Promise((resolve) => setTimeout(resolve, 1000))]);
	}

	async watch(asked: Asked): Promise<number> {
		const fleet = this.#fleet as Fleet;
		const { task, merged } = this.#submitted as SubmitResult;
		const { detach, on, prefer, tag } = asked.flags;
		if (detach) {
			print(task);
			if (on !== undefined || prefer !== undefined || tag !== undefined) await warnOfUnknown(fleet, asked.flags);
			return exitCodes.ok;
		}
		if (prefer !== undefined) void warnOfUnknown(fleet, asked.flags);
		if (merged) say(`${talkStyle.dim("covey:")} the same work is in flight as ${task}: this run shares its result`);
		try {
			const record = await Promise.race([watchTask(fleet, task, { announce: true }), this.#left.promise]);
			return record ? await this.#finish(fleet, record, asked) : exitCodes.interrupted;
		} catch (error) {
			if (!(error instanceof ReaderGone)) throw error;
			say(`covey: nobody reads the output any more; the run goes on: covey attach ${task}`);
			return exitCodes.pipe;
		}
	}

	async #finish(fleet: Fleet, record: FinalRecord, { flags, pull, root }: Asked): Promise<number> {
		for (const line of warningLines(record, talkStyle)) say(line);
		if (record.artifacts.length > 0) {
			const { pullArtifacts } = await import("#cli/run/pull.ts");
			await pullArtifacts({ fleet, record, wanted: pull, directory: root, signal: this.#abort.signal });
		}
		say(endLine(record, talkStyle));
		if (flags.json) say(JSON.stringify(record));
		return exitCodeOfRecord(record);
	}

	async #cancel(force: boolean): Promise<void> {
		const { task, ask } = this.#submitted as SubmitResult;
		const { asks, cancelRequested, endedAt } = await (this.#fleet as Fleet).call("task.cancel", { task, ask, force });
		if (cancelRequested || endedAt !== undefined) return;
		say(`${talkStyle.dim("covey:")} left ${task}, which goes on for ${asks.length === 1 ? "another run" : `${asks.length} other runs`}`);
		this.#left.resolve();
	}
}
