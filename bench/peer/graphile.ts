import { execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startConsumer } from "./consumer.ts";
import { importPeer } from "./modules.ts";
import type { QueuePeer } from "./queue-peer.ts";
import { freePort, listening, quit } from "./server.ts";

interface Graphile {
	readonly Logger: new (factory: () => () => void) => unknown;
	makeWorkerUtils(options: unknown): Promise<{
		migrate(): Promise<void>;
		addJob(task: string, payload: unknown): Promise<unknown>;
	}>;
}

interface Pg {
	readonly Pool: new (options: unknown) => { on(event: "error", hear: () => void): void; end(): Promise<void> };
}

/** graphile-worker with the preset of its own benchmark, on a PostgreSQL with its stock settings. */
export async function startGraphile(concurrency: number): Promise<QueuePeer> {
	const { Logger, makeWorkerUtils } = await importPeer<Graphile>("graphile-worker");
	const programs = findPostgres();
	const directory = mkdtempSync(join(tmpdir(), "covey-postgres-"));
	const account = accountOf(directory);
	const port = await freePort();
	await using stack = new AsyncDisposableStack();
	stack.defer(() => rmSync(directory, { recursive: true, force: true }));
	const as = { cwd: directory, stdio: "ignore", ...account } as const;
	const data = join(directory, "data");
	execFileSync(join(programs, "initdb"), ["-D", data, "-U", "bench", "--auth=trust", "-E", "UTF8", "--locale=C"], as);
	const server = spawn(join(programs, "postgres"), ["-D", data, "-p", String(port), "-k", directory, "-h", "127.0.0.1"], as);
	// SIGINT is PostgreSQL's fast shutdown.
	stack.defer(() => quit(server, "SIGINT"));
	await listening(port, server);
	// It listens before it answers; this waits for the answer.
	execFileSync("sh", ["-c", 'until "$0" -q -h 127.0.0.1 -p "$1"; do sleep 0.1; done', join(programs, "pg_isready"), String(port)], {
		timeout: 20_000,
	});
	const connection = `postgres://bench@127.0.0.1:${port}/postgres`;
	const { Pool } = (await importPeer<{ default: Pg }>("pg")).default;
	const pool = new Pool({ connectionString: connection, max: 50 });
	// Idle connections hear of the shutdown.
	pool.on("error", () => {});
	stack.defer(() => pool.end());
	const utils = await makeWorkerUtils({ pgPool: pool, logger: new Logger(() => () => {}) });
	await utils.migrate();
	const consumer = stack.use(startConsumer("graphile", { concurrency, connection }));
	const owned = stack.move();
	return {
		name: "graphile-worker, fast preset",
		add: (payload) => utils.addJob("no-op", { payload }),
		processAll: (jobs) => consumer.processAll(jobs),
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}

function findPostgres(): string {
	const base = "/usr/lib/postgresql";
	const newest = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a))[0] : undefined;
	if (newest === undefined) throw new Error("no PostgreSQL is installed");
	return join(base, newest, "bin");
}

/** PostgreSQL refuses to run as root: then it runs as the account that its package made. */
function accountOf(directory: string): { uid?: number; gid?: number } {
	if (process.getuid?.() !== 0) return {};
	const of = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
	const account = { uid: of("-u"), gid: of("-g") };
	chownSync(directory, account.uid, account.gid);
	return account;
}
