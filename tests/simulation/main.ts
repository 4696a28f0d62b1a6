import { execFileSync } from "node:child_process";
import { mustSee } from "./corpus.ts";
import { type Outcome, simulate } from "./simulation.ts";

/**
 * `npm run simulate -- --seed N [--ticks M]` replays one seed; `-- --seeds FROM..TO` runs many; `-- --ci [--seconds S]`
 * runs a fixed hundred and then, for a minute or longer, seeds that are fresh for each commit, and fails as well when a state that
 * must be visited never was. With `--driver` the coordinator's real driver runs instead of the model of it; `--ci` does
 * that with every fourth seed. Exit code 1: found something, told with the end of its story and the command that replays it.
 */
const ticks = Number(option("ticks") ?? 20_000);
/** So many visit every state that must be seen, almost surely, however slow or busy the machine is. */
const seedsMin = 300;
const totals = { seeds: 0, ticks: 0, virtualMs: 0 };
const sometimes = new Map<string, number>();
const startedAt = performance.now();

const good = await runAll();
if (option("seed") === undefined) for (const [what, count] of [...sometimes].sort()) print(`${String(count).padStart(9)} × ${what}`);
summary();
process.exitCode = good ? 0 : 1;

async function runAll(): Promise<boolean> {
	const range = option("seeds")?.split("..").map(Number);
	if (process.argv.includes("--ci"))
		return (await runRange(1, 100, () => true)) && (await runFor(Number(option("seconds") ?? 60) * 1000)) && visitedAll();
	if (range !== undefined) return runRange(range[0]!, range[1] ?? range[0]!, () => true);
	return run(Number(option("seed") ?? 1));
}

/** Another part of the seeds for each commit, and the same for everybody who looks at that commit. */
function runFor(ms: number): Promise<boolean> {
	const first = firstOfCommit();
	print(`seeds from ${first} on`);
	return runRange(first, Number.POSITIVE_INFINITY, () => totals.seeds < seedsMin || performance.now() - startedAt < ms);
}

function firstOfCommit(): number {
	try {
		const commit = execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
		return Number.parseInt(commit.slice(0, 7), 16);
	} catch {
		// Not in a checkout: any will do.
		return Date.now() % 2 ** 28;
	}
}

async function runRange(from: number, to: number, goesOn: () => boolean): Promise<boolean> {
	for (let seed = from; seed <= to && goesOn(); seed++) if (!(await run(seed))) return false;
	return true;
}

async function run(seed: number): Promise<boolean> {
	const driver = process.argv.includes("--driver") || (process.argv.includes("--ci") && seed % 4 === 0);
	const outcome = await simulate(seed, ticks, { driver });
	totals.seeds++;
	totals.ticks += outcome.ticks;
	totals.virtualMs += outcome.virtualMs;
	for (const [what, count] of outcome.sometimes) sometimes.set(what, (sometimes.get(what) ?? 0) + count);
	if (outcome.violation !== undefined) report(outcome, driver);
	return outcome.violation === undefined;
}

function visitedAll(): boolean {
	const missed = mustSee.filter((what) => !sometimes.has(what));
	if (missed.length > 0) print(`never visited: ${missed.join("; ")}`);
	return missed.length === 0;
}

function report({ seed, ticks: reached, violation, trace }: Outcome, driver: boolean): void {
	print(trace.slice(-Number(option("trace") ?? 40)).join("\n"));
	print(`seed ${seed} after ${reached} ticks: ${violation}`);
	print(`again: npm run simulate -- --seed ${seed} --ticks ${ticks}${driver ? " --driver" : ""}`);
}

function summary(): void {
	const seconds = (performance.now() - startedAt) / 1000;
	const perMinute = Math.round((totals.seeds * 60) / seconds);
	const hours = Math.round(totals.virtualMs / 3_600_000);
	print(`${totals.seeds} seeds, ${totals.ticks} ticks, ${hours} virtual hours in ${Math.round(seconds)} s: ${perMinute} seeds a minute`);
}

function option(name: string): string | undefined {
	const index = process.argv.indexOf(`--${name}`);
	return index < 0 ? undefined : process.argv[index + 1];
}

function print(line: string): void {
	process.stdout.write(`${line}\n`);
}
