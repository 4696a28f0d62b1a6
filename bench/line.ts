import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

/** What every bench prints, as one line of JSON. */
export interface BenchLine {
	readonly bench: string;
	/** Ours and the peer's figure in `unit`; the median of the rounds. */
	readonly ours: number;
	readonly peer: number;
	readonly unit: string;
	/** ours / peer. */
	readonly ratio: number;
	/** `<= 0.8` and the like: what the ratio must be. */
	readonly bar: string;
	readonly holds: boolean;
	/** Smallest and largest ratio over the rounds, ours and the peer's interleaved. */
	readonly spread: readonly [number, number];
	readonly peerName: string;
	readonly rounds: number;
	/** Further figures worth printing: percentiles, memory, what was left out and why. */
	readonly notes?: Readonly<Record<string, unknown>>;
	readonly environment: Environment;
}

export interface Environment {
	readonly cpu: string;
	readonly cores: number;
	readonly memoryGiB: number;
	readonly kernel: string;
	readonly node: string;
	readonly load: number;
	readonly commit: string;
}

export function environment(): Environment {
	return {
		cpu: cpus()[0]?.model.trim() ?? "unknown",
		cores: cpus().length,
		memoryGiB: Math.round(totalmem() / 2 ** 30),
		kernel: release(),
		node: process.version,
		load: Math.round(loadavg()[0]! * 100) / 100,
		commit: execFileSync("git", ["describe", "--always", "--dirty"], { cwd: import.meta.dirname, encoding: "utf8" }).trim(),
	};
}

export type Bar = { readonly kind: "<=" | ">="; readonly value: number };

/** One round measures ours and the peer right after one another; the ratio of medians is the result. */
export function toLine(
	bench: string,
	rounds: readonly { readonly ours: number; readonly peer: number }[],
	options: { readonly bar: Bar; readonly unit: string; readonly peerName: string; readonly notes?: Readonly<Record<string, unknown>> },
): BenchLine {
	const ours = median(rounds.map((round) => round.ours));
	const peer = median(rounds.map((round) => round.peer));
	const ratios = rounds.map((round) => round.ours / round.peer);
	const ratio = ours / peer;
	const { bar } = options;
	return {
		bench,
		ours: round(ours),
		peer: round(peer),
		unit: options.unit,
		ratio: round(ratio),
		bar: `${bar.kind} ${bar.value}`,
		holds: bar.kind === "<=" ? ratio <= bar.value : ratio >= bar.value,
		spread: [round(Math.min(...ratios)), round(Math.max(...ratios))],
		peerName: options.peerName,
		rounds: rounds.length,
		...(options.notes && { notes: options.notes }),
		environment: environment(),
	};
}

export function median(values: readonly number[]): number {
	return percentile(values, 50);
}

/** Nearest rank; `percent` from 0 to 100. */
export function percentile(values: readonly number[], percent: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))] ?? Number.NaN;
}

const round = (value: number): number => Number(value.toPrecision(4));
