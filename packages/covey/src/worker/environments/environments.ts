import { renameSync } from "node:fs";
import { access, mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { CoveyError, type EnvironmentKind } from "@covey/protocol";
import type { ExecuteRequest, Executor } from "#worker/executor/execute.ts";
import { keyOf } from "./key.ts";
import { type Kind, kinds, type Places } from "./kinds.ts";

/** An environment that is ready: the job's command goes through it. It stays until it is disposed of. */
export interface Entered extends Disposable {
	/** "plain", "nix", …: what the report says. */
	readonly name: string;
	readonly command: readonly string[];
	readonly environment: Readonly<Record<string, string>>;
	/** What the tree asks for and this machine does not have, in a sentence. */
	readonly note?: string;
}

export interface EnterRequest {
	readonly kind: EnvironmentKind;
	readonly root: string;
	/** Whose tree it is: environments are not shared beyond it. */
	readonly scope: string;
	readonly timeoutMs: number;
	/** How the job is to run; its set-up runs likewise. */
	readonly request: ExecuteRequest;
	readonly signal: AbortSignal;
}

export interface Environments {
	/** @throws CoveyError `unavailable` (not on this machine), `timeout`, `internal` with the tool's own words; the signal's reason. */
	enter(wanted: EnterRequest): Promise<Entered>;
}

/** Of what a failed set-up wrote, the end: in bytes. */
const failureBytesMax = 6 * 1024;
const scriptBytesMax = 16 * 1024 * 1024;
/** Environments that are kept ready on one machine. */
const environmentsMax = 32;

export interface EnvironmentsOptions {
	readonly executor: Executor;
	/** Ours: what is ready, by key. May be deleted while no worker runs. */
	readonly directory: string;
	/** Where programs are looked for. */
	readonly path: string;
	/** How many stay ready, and more when they are in use. Default 32. */
	readonly keep?: number;
}

export function createEnvironments(options: EnvironmentsOptions): Environments {
	/** One set-up for all who want the same; whoever waits takes its result, or does it anew if that attempt was ended. */
	const underWay = new Map<string, Promise<unknown>>();
	const users = new Map<string, number>();
	/** @returns what ends it. */
	const use = (directory: string) => {
		users.set(directory, (users.get(directory) ?? 0) + 1);
		const stack = new DisposableStack();
		stack.defer(() => {
			const left = (users.get(directory) ?? 0) - 1;
			if (left > 0) users.set(directory, left);
			else users.delete(directory);
		});
		return stack;
	};
	return {
		async enter(wanted) {
			const { request, root } = wanted;
			const chosen = await choose(wanted, options.path);
			if (chosen.kind === undefined) {
				return {
					name: "plain",
					command: request.command,
					environment: request.environment,
					...(chosen.note !== undefined && { note: chosen.note }),
					[Symbol.dispose]() {},
				};
			}
			const { kind } = chosen;
			const directory = join(options.directory, `${kind.name}-${await keyOf(kind, wanted)}`);
			const places: Places = {
				root,
				directory,
				script: join(directory, "environment.sh"),
				tools: join(directory, "tools"),
				sandboxed: isSandboxed(request),
			};
			using held = use(directory);
			while (!(await isReady(kind, places))) {
				const running = underWay.get(directory);
				if (running !== undefined) {
					await Promise.race([running.catch(() => {}), abortOf(wanted.signal)]);
					wanted.signal.throwIfAborted();
					continue;
				}
				const setUp = makeReady(options.executor, kind, places, wanted).finally(() => underWay.delete(directory));
				underWay.set(directory, setUp);
				await setUp;
				await prune(options.directory, users, options.keep ?? environmentsMax);
				break;
			}
			const now = new Date();
			// Removed by another worker this moment: the job says so when it enters.
			await utimes(directory, now, now).catch(() => {});
			const kept = held.move();
			return {
				name: kind.name,
				command: kind.enter(request.command, places),
				environment: { ...kind.environment(places), ...request.environment },
				[Symbol.dispose]: () => kept.dispose(),
			};
		},
	};
}

async function choose(
	{ kind: wanted, root, request }: EnterRequest,
	path: string,
): Promise<{ readonly kind?: Kind; readonly note?: string }> {
	if (wanted === "plain") return {};
	if (wanted !== "auto") {
		const kind = kinds.find(({ name }) => name === wanted) as Kind;
		if (!(await isInstalled(kind.program, path)))
			throw new CoveyError("unavailable", `the environment ${wanted} was asked for, and this machine has no ${kind.program}`);
		if (isSandboxed(request) && kind.notSandboxed !== undefined)
			throw new CoveyError("unavailable", `the environment ${wanted} was asked for, but ${kind.notSandboxed}`);
		return { kind };
	}
	let note: string | undefined;
	for (const kind of kinds) {
		const file = await firstOf(root, kind.askedBy);
		if (file === undefined) continue;
		const missing = (await isInstalled(kind.program, path))
			? isSandboxed(request) && kind.notSandboxed
			: `this machine has no ${kind.program}`;
		if (!missing) return { kind };
		note ??= `the tree has a ${file}, but ${missing}: the command runs in the plain shell`;
	}
	return note === undefined ? {} : { note };
}

async function makeReady(executor: Executor, kind: Kind, places: Places, { request, timeoutMs, signal }: EnterRequest): Promise<void> {
	await mkdir(places.tools, { recursive: true, mode: 0o700 });
	const { silentTimeoutMs: _, ...likeTheJob } = request;
	const written = { stdout: new Script(scriptBytesMax), stderr: new Tail(failureBytesMax) };
	const execution = await executor.execute(
		{
			...likeTheJob,
			...(kind.contained && { isolation: 0 }),
			command: kind.setUp(places),
			cwd: places.root,
			// Out of our sandbox a job's variables would decide what runs: PATH, LD_PRELOAD, NIX_CONFIG.
			environment: { ...kind.environment(places), ...(!kind.contained && request.environment) },
			writable: [...(request.writable ?? [places.root]), places.tools],
			timeoutMs,
		},
		(stream, data) => written[stream].push(data),
		signal,
	);
	signal.throwIfAborted();
	if (execution.outcome === "passed") {
		if (written.stdout.isTooLarge)
			throw new CoveyError("internal", `the ${kind.name} environment could not be set up: it is larger than ${scriptBytesMax} bytes`);
		await writeFile(`${places.script}.new`, written.stdout.bytes, { mode: 0o600 });
		await rename(`${places.script}.new`, places.script);
		return;
	}
	const late = execution.outcome === "timed_out";
	const how = late ? `was not ready after ${Math.round(timeoutMs / 1000)} s` : "could not be set up";
	const words = written.stderr.text || written.stdout.bytes.subarray(-failureBytesMax).toString("utf8").trim();
	throw new CoveyError(
		late ? "timeout" : "internal",
		`the ${kind.name} environment ${how}: ${words || execution.message || execution.outcome}`,
	);
}

/** All of what was written, or nothing: half a script is none. */
class Script {
	isTooLarge = false;
	#chunks: Buffer[] = [];
	#size = 0;
	readonly #max: number;

	constructor(max: number) {
		this.#max = max;
	}

	push(data: Buffer): void {
		this.#size += data.length;
		this.isTooLarge = this.#size > this.#max;
		if (this.isTooLarge) this.#chunks = [];
		else this.#chunks.push(Buffer.from(data));
	}

	get bytes(): Buffer {
		return Buffer.concat(this.#chunks);
	}
}

/** The last bytes of what may be endless. */
class Tail {
	#bytes = Buffer.alloc(0);
	readonly #max: number;

	constructor(max: number) {
		this.#max = max;
	}

	push(data: Buffer): void {
		this.#bytes = Buffer.from(Buffer.concat([this.#bytes, data.subarray(-this.#max)]).subarray(-this.#max));
	}

	get text(): string {
		return this.#bytes.toString("utf8").trim();
	}
}

function abortOf(signal: AbortSignal): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	if (signal.aborted) resolve();
	signal.addEventListener("abort", () => resolve(), { once: true });
	return promise;
}

async function isReady({ link }: Kind, { script, directory }: Places): Promise<boolean> {
	return (await isThere(script)) && (link === undefined || (await isThere(join(directory, link))));
}

/** The newest stay, and those that are in use. */
async function prune(directory: string, users: ReadonlyMap<string, number>, keep: number): Promise<void> {
	const names = await readdir(directory).catch(() => []);
	if (names.length <= keep) return;
	const aged = await Promise.all(
		names.map(async (name) => ({ name, usedAt: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
	);
	aged.sort((a, b) => b.usedAt - a.usedAt);
	for (const { name } of aged.slice(keep)) {
		const path = join(directory, name);
		if (users.has(path)) continue;
		// At once, so that nobody enters what is half gone.
		try {
			renameSync(path, `${path}-gone`);
		} catch {
			continue; // Somebody else clears it away.
		}
		await rm(`${path}-gone`, { recursive: true, force: true });
	}
}

function isSandboxed({ isolation = 0 }: ExecuteRequest): boolean {
	return isolation >= 2;
}

async function firstOf(root: string, names: readonly string[]): Promise<string | undefined> {
	for (const name of names) if (await isThere(join(root, name))) return name;
	return undefined;
}

function isThere(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}

async function isInstalled(program: string, path: string): Promise<boolean> {
	for (const directory of path.split(delimiter)) {
		if (directory.startsWith("/") && (await isThere(join(directory, program)))) return true;
	}
	return false;
}
