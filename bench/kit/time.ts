import { spawn } from "node:child_process";
import { once } from "node:events";

export interface Invocation {
	readonly command: readonly string[];
	readonly cwd?: string;
	readonly environment?: NodeJS.ProcessEnv;
}

/** Milliseconds from before the start of a process to its exit with 0. Its output goes nowhere. */
export async function timeProcess({ command, cwd, environment }: Invocation): Promise<number> {
	const [program, ...words] = command as [string, ...string[]];
	const start = performance.now();
	const child = spawn(program, words, { cwd, env: environment ?? process.env, stdio: "ignore" });
	const [code, signal] = await once(child, "exit");
	if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code ?? signal}`);
	return performance.now() - start;
}

/** Milliseconds that `work` takes. */
export async function time(work: () => Promise<unknown>): Promise<number> {
	const start = performance.now();
	await work();
	return performance.now() - start;
}

/** Ours and the peer's, right after one another, again and again; which goes first changes with each round. */
export async function interleave<T>(
	rounds: number,
	ours: (round: number) => Promise<T>,
	peer: (round: number) => Promise<T>,
): Promise<{ ours: T; peer: T }[]> {
	const measured: { ours: T; peer: T }[] = [];
	for (let round = 0; round < rounds; round++) {
		if (round % 2 === 0) {
			const first = await ours(round);
			measured.push({ ours: first, peer: await peer(round) });
		} else {
			const first = await peer(round);
			measured.push({ peer: first, ours: await ours(round) });
		}
	}
	return measured;
}
