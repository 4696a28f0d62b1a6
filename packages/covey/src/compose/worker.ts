import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CoveyError, WorkerName } from "@covey/protocol";
import { acquireOwnerLock } from "#host/lock/owner-lock.ts";
import { describeMachine } from "#host/machine/machine.ts";
import { collectBuffersCheaply } from "#host/memory/buffers.ts";
import { onShutdown } from "#host/signals/shutdown.ts";
import { type JoinToken, parseToken } from "#host/token/token.ts";
import { formatDuration } from "#kit/duration.ts";
import { createWebSocketTransport } from "#worker/link/websocket.ts";
import { loadConfig } from "./config.ts";
import { createProcessLog, type ProcessLog } from "./log.ts";
import { paths } from "./paths.ts";
import { meetSupervisor } from "./supervisor.ts";
import { createMachineWorker, defaultSlots, type WorkerPartsOptions } from "./worker-parts.ts";

export interface WorkerOptions {
	readonly name?: string;
	readonly slots?: number;
	readonly tags?: Readonly<Record<string, string>>;
}

/** Which fleet this machine's worker belongs to, and as what; written at each first welcome. */
interface Membership extends Remembered {
	readonly url: string;
	readonly name: string;
}

/** What was said when it was started, and holds until something else is said. */
type Remembered = Pick<WorkerOptions, "slots" | "tags">;

/**
 * Enrols this machine's worker with a join token and runs it until it is told to stop.
 * @throws CoveyError when the token is none, the coordinator's key is not the token's, or the coordinator refuses.
 */
export async function joinFleet(options: WorkerOptions & { readonly url: string; readonly token: string }): Promise<void> {
	// A first join is watched by a person; a machine that belongs to a fleet waits for it as long as it takes.
	await runConfigured(options, { url: options.url, token: parseJoinToken(options.token), patienceMs: firstWelcomeMs });
}

/** Runs the worker of a machine that has joined before. @throws CoveyError `not_found` when it has not. */
export async function startWorker(options: WorkerOptions): Promise<void> {
	const membership = readMembership(paths().worker);
	if (!membership)
		throw new CoveyError("not_found", "this machine has joined no fleet", {
			hint: "covey join URL, with a token of covey token create join",
		});
	const { url, name, slots, tags } = membership;
	const said = { ...(slots !== undefined && { slots }), ...options, ...((tags || options.tags) && { tags: { ...tags, ...options.tags } }) };
	await runConfigured({ ...said, name: options.name ?? name }, { url });
}

/** A worker as the configuration of this machine describes it. */
async function runConfigured(options: WorkerOptions, link: Pick<WorkerLink, "url" | "token" | "patienceMs">): Promise<void> {
	const where = paths();
	const { worker: settings, coordinator: timing, log } = (await loadConfig()).settings;
	const name = options.name ?? settings.name;
	const { environment_timeout: environmentMs } = settings;
	await runWorker(
		{
			...link,
			...(name !== undefined && { name }),
			remembered: { ...(options.slots !== undefined && { slots: options.slots }), ...(options.tags && { tags: options.tags }) },
			connectTimeoutMs: 10_000,
			heartbeat: { pingMs: timing.ping_every, pongMs: timing.pong_within },
		},
		{
			slots: options.slots ?? settings.slots ?? defaultSlots(),
			tags: { ...settings.tags, ...options.tags },
			stateDirectory: where.worker,
			cacheDirectory: where.workerCache,
			outputBytesMax: settings.output_bytes_max,
			worktreesMax: settings.worktrees_max,
			isolation: settings.isolation,
			caps: environmentMs === undefined ? {} : { environmentMs },
		},
		createProcessLog(log),
	);
}

/** Which coordinator a worker serves, and how it keeps in touch with it. */
export interface WorkerLink {
	readonly url: string;
	/** Default: by which it has joined before, else the machine's. */
	readonly name?: string;
	readonly token?: JoinToken;
	readonly connectTimeoutMs: number;
	readonly heartbeat: { readonly pingMs: number; readonly pongMs: number };
	/** How long the first welcome is waited for. Absent: as long as it takes. */
	readonly patienceMs?: number;
	/** How long what runs may go on after the first signal. Absent: as long as it takes. */
	readonly drainMs?: number;
	/** Kept for the next start. */
	readonly remembered?: Remembered;
}

/** Runs a worker until it is told to stop. @throws CoveyError when the coordinator will not have it. */
export async function runWorker(
	link: WorkerLink,
	parts: Omit<WorkerPartsOptions, "name" | "token" | "transport" | "logger">,
	{ logger, announce }: ProcessLog,
): Promise<void> {
	const { url, token, patienceMs, drainMs, remembered } = link;
	const { stateDirectory, isolation } = parts;
	const name = link.name ?? readMembership(stateDirectory)?.name ?? describeMachine().name;
	const valid = WorkerName.safeParse(name);
	if (!valid.success) throw new CoveyError("bad_request", `--name ${JSON.stringify(name)}: ${valid.error.issues[0]?.message}`);
	using _lock = acquireOwnerLock(join(stateDirectory, "worker"), `the worker of ${stateDirectory}`);
	const stopping = new AbortController();
	await using machine = await createMachineWorker(
		{ ...parts, name, ...(token && { token }), transport: createWebSocketTransport(link), logger },
		stopping.signal,
	);
	const { worker } = machine;
	using supervisor = meetSupervisor(logger);
	let deadline: NodeJS.Timeout | undefined;
	const stopped = new CoveyError("unavailable", "the worker was stopped before it was connected");
	using _signals = onShutdown((stage) => {
		stopping.abort(stopped);
		supervisor.stopping();
		if (stage === "drain") {
			const within = drainMs === undefined ? "" : `, or ${formatDuration(drainMs)},`;
			logger.info(`draining: no new work; a second signal${within} ends what runs`);
			void worker.drain();
			if (drainMs !== undefined) deadline = setTimeout(() => void worker.stop(), drainMs);
		} else if (stage === "stop") void worker.stop();
		else process.exit(1);
	});
	// A machine may well start before its coordinator does: whoever waits for this one need not wait for that one.
	supervisor.ready(`waits for the coordinator at ${url}`);
	const giveUp = patienceMs === undefined ? undefined : setTimeout(() => stopping.abort(unanswered(url)), patienceMs);
	try {
		await worker.start(stopping.signal);
	} catch (error) {
		// A service that was told to end has done so well.
		if (error === stopped && drainMs !== undefined) return;
		throw error;
	} finally {
		clearTimeout(giveUp);
	}
	using _memory = collectBuffersCheaply();
	rememberMembership(stateDirectory, { url, name, ...remembered });
	const confined = isolation >= 2 ? "" : ", UNCONFINED: jobs can read what this user can";
	announce(`connected to ${url} as ${name} (isolation level ${isolation}${confined})`, { url, worker: name });
	supervisor.ready(`connected to ${url} as ${name}`);
	const error = await worker.left;
	clearTimeout(deadline);
	if (error) throw error;
}

/** @throws CoveyError `bad_request`, `unauthenticated`. */
export function parseJoinToken(text: string): JoinToken {
	const token = parseToken(text);
	if (token.kind === "join") return token;
	throw new CoveyError("bad_request", "that is a client token, not a join token", {
		hint: "covey token create join, on the coordinator's machine",
	});
}

const firstWelcomeMs = 20_000;

const unanswered = (url: string): CoveyError =>
	new CoveyError("unavailable", `no coordinator answers at ${url}`, {
		hint: "is covey up running there, and does it listen on that address? covey up --host ADDRESS",
	});

const membershipFile = (stateDirectory: string): string => join(stateDirectory, "fleet.json");

/** Undefined before its first welcome. @throws CoveyError `bad_request` when the file is damaged. */
export function readMembership(stateDirectory: string): Membership | undefined {
	const file = membershipFile(stateDirectory);
	try {
		return JSON.parse(readFileSync(file, "utf8")) as Membership;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw new CoveyError("bad_request", `cannot read ${file}`, { cause: error, hint: "covey join URL writes it anew" });
	}
}

function rememberMembership(stateDirectory: string, membership: Membership): void {
	mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
	writeFileSync(membershipFile(stateDirectory), `${JSON.stringify(membership)}\n`, { mode: 0o600 });
}
