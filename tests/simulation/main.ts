import { corpus, mustSee } from "./corpus.ts";
import { type Outcome, simulate } from "./simulation.ts";

/**
 * `npm run simulate -- --seed N [--ticks M]` replays one seed; `-- --seeds FROM..TO` runs many; `-- --ci` runs the
 * corpus and then fresh seeds for a minute, and fails as well when a state that must be visited never was.
 */
const option = (name: string): string | undefined => {
	const index = process.argv.indexOf(`--${name}`);
	return index < 0 ? undefined : process.argv[index + 1];
};
const ticks = Number(option("ticks") ?? 20_000);
const totals = { seeds: 0, ticks: 0, virtualMs: 0 };
const sometimes = new Map<string, number>();

async function run(seed: number, limit: number): Promise<boolean> {
	const outcome = await simulate(seed, limit);
	totals.seeds++;
	totals.ticks += outcome.ticks;
	totals.virtualMs += outcome.virtualMs;
	for (const [what, count] of outcome.sometimes) sometimes.set(what, (sometimes.get(what) ?? 0) + count);
	if (outcome.violation !== undefined) report(outcome, limit);
	return outcome.violation === undefined;
}

function report(outcome: Outcome, limit: number): void {
	process.stdout.write(`${outcome.trace.slice(-40).join("\n")}\n`);
	process.stdout.write(`seed ${outcome.seed} after ${outcome.ticks} ticks: ${outcome.violation}\n`);
	process.stdout.write(`again: npm run simulate -- --seed ${outcome.seed} --ticks ${limit}\n`);
}

function summary(): void {
	const hours = Math.round(totals.virtualMs / 3_600_000);
	process.stdout.write(`${totals.seeds} seeds, ${totals.ticks} ticks, ${hours} virtual hours\n`);
}

async function runFor(ms: number): Promise<boolean> {
	const until = performance.now() + ms;
	// Fresh each day and run; printed when it fails, so it need not be known before.
	for (let seed = Math.floor(Date.now() % 2_000_000_000); performance.now() < until; seed++) if (!(await run(seed, ticks))) return false;
	return true;
}

let good = true;
if (process.argv.includes("--ci")) {
	for (const past of corpus) good = (await run(past.seed, past.ticks)) && good;
	good = (await runFor(Number(option("seconds") ?? 60) * 1000)) && good;
	const missed = mustSee.filter((what) => !sometimes.has(what));
	if (good && missed.length > 0) {
		process.stdout.write(`never visited: ${missed.join("; ")}\n`);
		good = false;
	}
} else if (option("seeds")) {
	const [from, to] = option("seeds")!.split("..").map(Number) as [number, number];
	for (let seed = from; seed <= to && good; seed++) good = await run(seed, ticks);
} else {
	good = await run(Number(option("seed") ?? 1), ticks);
}
if (process.argv.includes("--sometimes") || !process.argv.includes("--seed"))
	for (const [what, count] of [...sometimes].sort()) process.stdout.write(`${String(count).padStart(9)} × ${what}\n`);
summary();
process.exitCode = good ? 0 : 1;
