import {
	type AttemptReport,
	attemptKey,
	encodeFrame,
	errorTable,
	type OutputStream,
	parseAttemptKey,
	V1FromWorker,
	type V1ToWorker,
	type V2FromWorkerMessage,
	type V2ToWorkerMessage,
	type WorkerOffer,
	wireLimits,
} from "@covey/protocol";
import type WebSocket from "ws";
import type { ConnectionListener, CoordinatorSideConnection } from "#coordinator/ws/connection.ts";
import type { GitAccess } from "#coordinator/ws/git-access.ts";
import { linkLimits } from "#coordinator/ws/limits.ts";
import { closeSocket, parseJson } from "#coordinator/ws/socket.ts";
import { translateAssign } from "./job.ts";

type Register = Extract<V1FromWorker, { type: "register" }>;
type Attempt = { readonly task: string; readonly attempt: number };

/** A job that was dispatched on this connection, or heard of on it. */
interface Job extends Attempt {
	/** Undefined: started on an earlier connection, and not yet known whether it may go on. */
	channel: number | undefined;
	/** Of the next byte; v1 counts none, so the coordinator does. */
	offset: number;
	/** Output that waits for a channel. */
	held: { readonly stream: OutputStream; readonly data: Uint8Array }[];
	heldBytes: number;
	readonly startedAt: number;
	/** Why it was told to end. */
	reason?: "cancelled" | "superseded" | "worker_lost" | "timed_out";
	timeout?: NodeJS.Timeout;
	/** It ended before it was known whether it may go on: told when its output has a channel. */
	ending?: (job: Job) => AttemptReport;
	ended?: V2FromWorkerMessage;
	/** Paths that were asked for; v1 brings nothing back. */
	readonly pull: readonly string[];
	credential?: string;
}

export interface V1ConnectionOptions {
	readonly socket: WebSocket;
	readonly register: Register;
	readonly git: GitAccess;
	readonly origin: URL;
	readonly now: () => number;
}

/**
 * A v1 worker, translated: to the session it looks like one of v2. What v1 lacks is made up here: offsets of output,
 * outcomes (exit code 0 passed, any other failed, `error` is `bad_environment` since the command never ran to its end,
 * and after a cancel the reason of that), timeouts, and at each pong a `sync` that lists the jobs of this connection.
 */
export class V1Connection implements CoordinatorSideConnection {
	readonly #options: V1ConnectionOptions;
	readonly #jobs = new Map<string, Job>();
	#listener: ConnectionListener | undefined;
	#closed = false;
	#slots: number;
	#syncs = 0;
	#assigned = 0;

	constructor(options: V1ConnectionOptions) {
		this.#options = options;
		this.#slots = options.register.max_jobs;
	}

	get queuedBytes(): number {
		return this.#options.socket.bufferedAmount;
	}

	pause(): void {
		this.#options.socket.pause();
	}

	resume(): void {
		this.#options.socket.resume();
	}

	close(code: number, reason: string): void {
		this.#closed = true;
		closeSocket(this.#options.socket, code, reason);
	}

	listen(listener: ConnectionListener): void {
		const { socket } = this.#options;
		this.#listener = listener;
		socket.on("message", (data: Buffer, binary) => this.#receive(data, binary));
		socket.on("close", (code, reason) => {
			this.#closed = true;
			for (const job of this.#jobs.values()) this.#forget(job);
			listener.end(new Error(`closed with ${code} ${reason.toString()}`));
		});
		listener.message({ type: "offer", offer: this.#offer() });
	}

	send(message: V2ToWorkerMessage): void {
		switch (message.type) {
			case "assign":
				this.#assign(message);
				return;
			case "cancel":
				this.#cancel(message, message.reason);
				return;
			case "settle":
				this.#settle(message);
				return;
			case "synced":
				for (const each of message.end) this.#cancel(each, each.reason);
				for (const each of message.settled) this.#settle(each);
				for (const each of message.resume) this.#resume(each);
				return;
			case "ping":
				this.#write({ type: "ping" });
				return;
			// The rest has no word in v1.
			default:
		}
	}

	/** States what is known of its jobs, as at a pong. */
	sync(): void {
		const attempts = [...this.#jobs.values()].map(({ task, attempt, ending, ended }) => ({
			task,
			attempt,
			state: ending === undefined && ended === undefined ? ("running" as const) : ("ended" as const),
		}));
		this.#tell({ type: "sync", sequence: ++this.#syncs, assigned: this.#assigned, attempts });
	}

	#receive(data: Buffer, binary: boolean): void {
		if (this.#closed) return;
		const parsed = V1FromWorker.safeParse(binary ? undefined : parseJson(data));
		if (!parsed.success) {
			this.#bad("a message that is not one of link version 1");
			return;
		}
		const message = parsed.data;
		switch (message.type) {
			case "register":
				this.#bad("a second register");
				return;
			case "ready":
				this.#slots = message.slots + [...this.#jobs.values()].filter((job) => job.ended === undefined).length;
				this.#tell({ type: "offer", offer: this.#offer() });
				return;
			case "pong":
				this.sync();
				return;
			case "output":
				this.#output(message.job_id, message.stream, Buffer.from(message.data));
				return;
			case "complete":
				this.#end(message.job_id, (job) => reportOf(job, message.exit_code, this.#options.now()));
				return;
			case "error":
				this.#end(message.job_id, (job) => ({
					...emptyReport,
					outcome: job.reason ?? "bad_environment",
					message: message.message.slice(0, wireLimits.messageTextMax),
				}));
				return;
		}
	}

	#assign(assign: Extract<V2ToWorkerMessage, { type: "assign" }>): void {
		const { task, attempt, channel, policies } = assign;
		this.#assigned = assign.sequence;
		const translated = translateAssign(assign, this.#options.git, this.#options.origin);
		if (translated === undefined) {
			this.#tell({ type: "decline", task, attempt, message: "a v1 worker runs tasks of the type `run` only" });
			return;
		}
		const { message, credential } = translated;
		const { pull } = translated;
		const job: Job = { task, attempt, channel, offset: 0, held: [], heldBytes: 0, startedAt: this.#options.now(), pull };
		if (credential !== undefined) job.credential = credential;
		if (policies.timeoutMs !== undefined) {
			job.timeout = setTimeout(() => this.#cancel(job, "timed_out"), Math.min(policies.timeoutMs, 2 ** 31 - 1));
		}
		this.#jobs.set(message.job_id, job);
		this.#write(message);
		this.#tell({ type: "started", task, attempt });
	}

	#cancel({ task, attempt }: Attempt, reason: NonNullable<Job["reason"]>): void {
		const key = attemptKey(task, attempt);
		const job = this.#jobs.get(key);
		if (job !== undefined) job.reason ??= reason;
		this.#write({ type: "cancel", job_id: key });
	}

	#settle({ task, attempt }: Attempt): void {
		const key = attemptKey(task, attempt);
		const job = this.#jobs.get(key);
		if (job !== undefined) this.#forget(job);
		this.#jobs.delete(key);
	}

	#resume({ task, attempt, channel, offset }: Attempt & { readonly channel: number; readonly offset: number }): void {
		const job = this.#jobs.get(attemptKey(task, attempt));
		if (job === undefined || job.channel !== undefined) return;
		job.channel = channel;
		job.offset = offset;
		for (const { stream, data } of job.held) this.#frames(job, stream, data);
		job.held = [];
		if (job.ending !== undefined) this.#complete(job, job.ending);
	}

	#output(key: string, stream: OutputStream, data: Buffer): void {
		const job = this.#job(key);
		if (job === undefined) return;
		if (job.channel !== undefined) {
			this.#frames(job, stream, data);
			return;
		}
		job.heldBytes += data.length;
		if (job.heldBytes <= linkLimits.heldBytesMax) job.held.push({ stream, data });
	}

	#frames(job: Job, stream: OutputStream, data: Uint8Array): void {
		for (let at = 0; at < data.length; at += frameDataBytes) {
			const part = data.subarray(at, at + frameDataBytes);
			const { attempt, offset } = job;
			job.offset += part.length;
			this.#listener?.frame(encodeFrame({ kind: "output", stream, channel: job.channel!, attempt, offset, data: part }));
		}
	}

	#end(key: string, report: (job: Job) => AttemptReport): void {
		const job = this.#job(key);
		if (job === undefined || job.ended !== undefined) return;
		this.#forget(job);
		if (job.channel === undefined) job.ending ??= report;
		else this.#complete(job, report);
	}

	#complete(job: Job, report: (job: Job) => AttemptReport): void {
		const { task, attempt, offset } = job;
		job.ended = { type: "complete", task, attempt, report: { ...report(job), outputBytes: offset } };
		this.#tell(job.ended);
	}

	/** A job of an earlier connection is heard of by what it sends: the fleet is asked whether it may go on. */
	#job(key: string): Job | undefined {
		const known = this.#jobs.get(key);
		const name = parseAttemptKey(key);
		if (known !== undefined || name === undefined || this.#jobs.size >= wireLimits.syncAttemptsMax) return known;
		const job: Job = { ...name, channel: undefined, offset: 0, held: [], heldBytes: 0, startedAt: this.#options.now(), pull: [] };
		this.#jobs.set(key, job);
		this.sync();
		return job;
	}

	/** Its result is known, or nobody wants it: nothing of it works any more. */
	#forget(job: Job): void {
		clearTimeout(job.timeout);
		if (job.credential !== undefined) this.#options.git.revoke(job.credential);
	}

	#offer(): WorkerOffer {
		return {
			slots: Math.min(this.#slots, this.#options.register.max_jobs),
			capabilities: ["run"],
			tags: {},
			os: "unknown",
			arch: "unknown",
			isolation: 0,
			version: "v1",
			warm: [],
		};
	}

	#tell(message: V2FromWorkerMessage): void {
		this.#listener?.message(message);
	}

	#write(message: V1ToWorker): void {
		const { socket } = this.#options;
		if (!this.#closed && socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
	}

	#bad(what: string): void {
		this.close(errorTable.bad_request.close, what);
	}
}

const frameDataBytes = 128 * 1024;
const emptyReport = { artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };

function reportOf(job: Job, exitCode: number, now: number): AttemptReport {
	const durationMs = Math.max(0, now - job.startedAt);
	const timedOut = job.reason === "timed_out";
	const cancelled = job.reason !== undefined && !timedOut;
	return {
		...emptyReport,
		outcome: job.reason ?? (exitCode === 0 ? "passed" : "failed"),
		missing: [...job.pull],
		facts: { exitCode, signal: null, timedOut, cancelled, forceKilled: false, durationMs, leftovers: 0 },
	};
}
