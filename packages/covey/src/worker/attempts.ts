import { type Assign, AttemptReport, type V2FromWorkerMessage } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { wireLimits } from "@covey/protocol/limits";
import type { AgentEffect, AttemptName } from "#core/agent/agent.ts";
import type { Logger } from "#kit/logger.ts";
import type { LinkConnection } from "#ports/link.ts";
import type { AttemptIo, Runner } from "#ports/runner.ts";
import { AttemptEnd } from "./attempt-end.ts";
import { workerLimits } from "./limits.ts";
import type { AttemptOutput } from "./spool/attempt-output.ts";
import type { Recovered, Spool } from "./spool/spool.ts";

type EffectOf<T extends AgentEffect["type"]> = Extract<AgentEffect, { type: T }>;

export interface AttemptsOptions {
	readonly runners: readonly Runner[];
	readonly spool: Spool;
	readonly logger: Logger;
	readonly isConnected: () => boolean;
	readonly started: (name: AttemptName) => void;
	readonly ended: (name: AttemptName, report: AttemptReport) => void;
}

/** Carries out what the agent decides about attempts: runs them with their runner and keeps what they leave. */
export interface Attempts {
	/** Reports of an earlier process are held again as if this one had made them. */
	recover(found: readonly Recovered[]): readonly Recovered[];
	start(assign: Assign, connection: LinkConnection | undefined): void;
	end(order: EffectOf<"end">): void;
	resume(order: EffectOf<"resume">, connection: LinkConnection | undefined): void;
	/** False when its output does not flow, so that there is nothing to wait for. */
	completeBehindOutput(message: Extract<V2FromWorkerMessage, { type: "complete" }>): boolean;
	/** The coordinator has its report, or never wants it. */
	forget(name: AttemptName): void;
	/** Writes all reports that are not settled to disk. */
	keepAll(): Promise<void>;
	/** Resolves when nothing runs. */
	ended(): Promise<void>;
}

export function createAttempts(options: AttemptsOptions): Attempts {
	const { spool, logger } = options;
	const runners = new Map(options.runners.map((runner) => [runner.type, runner]));
	const running = new Map<string, { readonly end: AttemptEnd; readonly done: Promise<void> }>();
	/** Ended and not settled: by key, as long as the spool has the attempt. */
	const reports = new Map<string, Recovered & { kept: boolean }>();

	async function run(assign: Assign, output: AttemptOutput, end: AttemptEnd): Promise<void> {
		const { task, attempt } = assign;
		const report = await runToReport(
			runners.get(assign.taskType),
			assign,
			ioOf(output, () => options.started({ task, attempt })),
			end,
			logger,
		);
		output.finish();
		const counted = { ...report, outputBytes: output.end, outputDroppedBytes: output.droppedBytes };
		const key = attemptKey(task, attempt);
		running.delete(key);
		reports.set(key, { assign, report: counted, kept: false });
		options.ended({ task, attempt }, counted);
		if (options.isConnected()) setTimeout(() => void keep(key), workerLimits.keepAfterMs).unref();
		else await keep(key);
	}

	async function keep(key: string): Promise<void> {
		const ended = reports.get(key);
		if (ended === undefined || ended.kept) return;
		ended.kept = true;
		await spool.keep(ended.assign, ended.report);
	}

	return {
		recover(found) {
			for (const ended of found) reports.set(attemptKey(ended.assign.task, ended.assign.attempt), { ...ended, kept: true });
			return found;
		},
		start(assign, connection) {
			const output = spool.open(assign);
			if (connection !== undefined) output.attach(connection, assign.channel, 0);
			const end = new AttemptEnd();
			// Later, so that no runner speaks to the agent while that is still deciding.
			running.set(attemptKey(assign.task, assign.attempt), { end, done: Promise.resolve().then(() => run(assign, output, end)) });
		},
		end: ({ task, attempt, reason, graceMs }) => running.get(attemptKey(task, attempt))?.end.order(reason, graceMs),
		resume({ task, attempt, channel, offset }, connection) {
			if (connection !== undefined) spool.get(attemptKey(task, attempt))?.attach(connection, channel, offset);
		},
		completeBehindOutput(message) {
			const output = spool.get(attemptKey(message.task, message.attempt));
			if (output === undefined || !output.attached) return false;
			output.complete(message);
			return true;
		},
		forget({ task, attempt }) {
			const key = attemptKey(task, attempt);
			reports.delete(key);
			spool.forget(key);
		},
		async keepAll() {
			await Promise.all(Array.from(reports.keys(), keep));
		},
		async ended() {
			await Promise.all(Array.from(running.values(), ({ done }) => done));
		},
	};
}

function ioOf(output: AttemptOutput, started: () => void): AttemptIo {
	return {
		started,
		write: (stream, data) => output.write(stream, data),
		note: (text) => output.write("stderr", Buffer.from(`covey: ${text}\n`)),
	};
}

/** A runner that breaks is a fault of this worker, never a result of the work. */
async function runToReport(
	runner: Runner | undefined,
	assign: Assign,
	io: AttemptIo,
	end: AttemptEnd,
	logger: Logger,
): Promise<AttemptReport> {
	try {
		if (runner === undefined) throw new Error(`this worker has no runner for ${assign.taskType}`);
		return await runner.run(assign, io, end.signal);
	} catch (error) {
		logger.error("a runner failed", { task: assign.task, attempt: assign.attempt, error });
		const message = `the worker failed: ${error instanceof Error ? error.message : String(error)}`.slice(0, wireLimits.messageTextMax);
		return AttemptReport.parse({ outcome: "bad_environment", message });
	}
}
