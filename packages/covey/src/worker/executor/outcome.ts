import type { Outcome } from "@covey/protocol";
import type { EndCause, ProcessResult } from "#host/process/start.ts";
import type { EndOfAttempt } from "#ports/runner.ts";

/** What a result means. */
export interface Judgement {
	readonly outcome: Outcome;
	/** One sentence for a person; absent where the outcome says it all. */
	readonly message?: string;
}

/** Facts in, outcome out. `limits` are named in the sentences. */
export function judge(
	result: ProcessResult,
	end: EndOfAttempt["reason"] | undefined,
	limits: { readonly timeoutMs?: number; readonly silentTimeoutMs?: number; readonly memoryBytes?: number; readonly processes?: number },
): Judgement {
	if (result.endedBy !== undefined) {
		const sentences: Readonly<Record<EndCause, Judgement>> = {
			cancel: { outcome: end ?? "cancelled" },
			timeout: { outcome: "timed_out", message: `it ran longer than ${seconds(limits.timeoutMs)}` },
			silence: { outcome: "silent", message: `it wrote nothing for ${seconds(limits.silentTimeoutMs)}` },
			memory: { outcome: "out_of_memory", message: `it used more than the ${mebibytes(limits.memoryBytes)} it may use` },
			processes: { outcome: "failed", message: `it had more than ${limits.processes} processes` },
			output: { outcome: "bad_environment", message: `its output could not be kept: ${text(result.outputError)}` },
		};
		return sentences[result.endedBy];
	}
	const { exitCode, signal } = result.facts;
	if (result.outOfMemory) return { outcome: "out_of_memory", message: "the kernel killed it for want of memory" };
	if (result.survivors.length > 0) {
		return { outcome: "failed", message: `processes ${result.survivors.join(", ")} could not be killed` };
	}
	if (exitCode === 0) return { outcome: "passed" };
	return { outcome: "failed", ...(signal !== null && { message: `it was ended by ${signal}` }) };
}

function seconds(ms = 0): string {
	return `${ms / 1000} s`;
}

function mebibytes(bytes = 0): string {
	return `${Math.round(bytes / 2 ** 20)} MiB`;
}

function text(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
