import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CoveyError, WorkerName } from "@covey/protocol";
import { acquireOwnerLock } from "#host/lock/owner-lock.ts";
import { describeMachine } from "#host/machine/machine.ts";
import { collectBuffersCheaply } from "#host/memory/buffers.ts";
import { onShutdown } from "#host/signals/shutdown.ts";
import { parseToken } from "#host/token/token.ts";
import { createWebSocketTransport } from "#worker/link/websocket.ts";
import type { ResolvedWorkerConfig } from "#worker/worker.ts";
import { loadConfig } from "./config.ts";
import { createProcessLog } from "./log.ts";
import { type Paths, paths } from "./paths.ts";
import { createMachineWorker, defaultSlots } from "./worker-parts.ts";

export interface WorkerOptions {
	readonly name?: string;
	readonly slots?: number;
	readonly tags?: Readonly<Record<string, string>>;
}

/** Which fleet this machine's worker belongs to; written at the first welcome. */
interface Membership {
	readonly url: string;
	readonly name: string;
}

/**
 * Enrols this machine's worker with a join token and runs it until it is told to stop.
 * @throws CoveyError when the token is none, the coordinator's key is not the token's, or the coordinator refuses.
 */
export async function joinFleet(options: WorkerOptions & { readonly url: string; readonly token: string }): Promise<void> {
	const token = parseToken(options.token);
	if (token.kind !== "join")
		throw new CoveyError("bad_request", "that is a client token, not a join token", {
			hint: "covey token create join, on the coordinator's machine",
		});
	await runWorker(options, options.url, token);
}

/** Runs the worker of a machine that has joined before. @throws CoveyError `not_found` when it has not. */
export async function startWorker(options: WorkerOptions): Promise<void> {
	const membership = readMembership(paths());
	if (!membership)
		throw new CoveyError("not_found", "this machine has joined no fleet", {
			hint: "covey join URL, with a token of covey token create join",
		});
	await runWorker({ ...options, name: options.name ?? membership.name }, membership.url);
}

async function runWorker(options: WorkerOptions, url: string, token?: ResolvedWorkerConfig["token"]): Promise<void> {
	const where = paths();
	const { worker: settings, coordinator: timing, log } = (await loadConfig()).settings;
	const { logger, announce } = createProcessLog(log);
	const name = options.name ?? settings.name ?? readMembership(where)?.name ?? describeMachine().name;
	const valid = WorkerName.safeParse(name);
	if (!valid.success) throw new CoveyError("bad_request", `--name ${JSON.stringify(name)}: ${valid.error.issues[0]?.message}`);
	using _lock = acquireOwnerLock(join(where.worker, "worker"), `the worker of ${where.worker}`);
	const stopping = new AbortController();
	await using machine = await createMachineWorker(
		{
			name,
			slots: options.slots ?? settings.slots ?? defaultSlots(),
			tags: { ...settings.tags, ...options.tags },
			stateDirectory: where.worker,
			cacheDirectory: where.workerCache,
			outputBytesMax: settings.output_bytes_max,
			worktreesMax: settings.worktrees_max,
			isolation: settings.isolation,
			...(token && { token }),
			transport: createWebSocketTransport({
				url,
				connectTimeoutMs: 10_000,
				heartbeat: { pingMs: timing.ping_every, pongMs: timing.pong_within },
			}),
			logger,
		},
		stopping.signal,
	);
	const { worker } = machine;
	using _signals = onShutdown((stage) => {
		stopping.abort(new CoveyError("unavailable", "the worker was stopped before it was connected"));
		if (stage === "drain") {
			logger.info("draining: no new work; a second signal ends what runs");
			void worker.drain();
		} else if (stage === "stop") void worker.stop();
		else process.exit(1);
	});
	// A first join is watched by a person; a machine that belongs to a fleet waits for it as long as it takes.
	const giveUp = token && setTimeout(() => stopping.abort(unanswered(url)), firstWelcomeMs);
	await worker.start(stopping.signal).finally(() => clearTimeout(giveUp));
	using _memory = collectBuffersCheaply();
	rememberMembership(where, { url, name });
	const confined = settings.isolation >= 2 ? "" : ", UNCONFINED: jobs can read what this user can";
	announce(`connected to ${url} as ${name} (isolation level ${settings.isolation}${confined})`, { url, worker: name });
	const error = await worker.left;
	if (error) throw error;
}

const firstWelcomeMs = 20_000;

const unanswered = (url: string): CoveyError =>
	new CoveyError("unavailable", `no coordinator answers at ${url}`, {
		hint: "is covey up running there, and does it listen on that address? covey up --host ADDRESS",
	});

const membershipFile = (where: Paths): string => join(where.worker, "fleet.json");

function readMembership(where: Paths): Membership | undefined {
	try {
		return JSON.parse(readFileSync(membershipFile(where), "utf8")) as Membership;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw new CoveyError("bad_request", `cannot read ${membershipFile(where)}`, { cause: error, hint: "covey join URL writes it anew" });
	}
}

function rememberMembership(where: Paths, membership: Membership): void {
	mkdirSync(where.worker, { recursive: true, mode: 0o700 });
	writeFileSync(membershipFile(where), `${JSON.stringify(membership)}\n`, { mode: 0o600 });
}
