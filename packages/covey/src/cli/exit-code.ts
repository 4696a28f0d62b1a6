import type { FinalRecord } from "@covey/client";
import type { CoveyError } from "@covey/protocol/errors";
import { errorTable } from "@covey/protocol/errors";
import { outcomes } from "@covey/protocol/outcome-table";

/** Exit codes that no error and no outcome names. The others stand in the protocol's tables; `docs/exit-codes.md` lists all. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, internal: 70, interrupted: 130, terminated: 143, pipe: 141 } as const;

export const exitCodeOfError = (error: CoveyError): number => errorTable[error.code].exit;

/** The command's own code, as a shell would tell it, when the command ended by itself; else the outcome's. */
export function exitCodeOfRecord(record: FinalRecord): number {
	if (record.outcome === null) return exitCodes.internal;
	const fixed = outcomes[record.outcome].exitCode;
	if (fixed !== undefined) return fixed;
	if (record.exitCode !== null) return record.exitCode;
	return record.signal === null ? exitCodes.failed : 128 + (signalNumbers[record.signal] ?? 0);
}

/** Of Linux; the numbers that a shell adds to 128. A job's machine may be another than this one, so they are not asked of it. */
const signalNumbers: Readonly<Record<string, number>> = {
	SIGHUP: 1,
	SIGINT: 2,
	SIGQUIT: 3,
	SIGILL: 4,
	SIGTRAP: 5,
	SIGABRT: 6,
	SIGBUS: 7,
	SIGFPE: 8,
	SIGKILL: 9,
	SIGUSR1: 10,
	SIGSEGV: 11,
	SIGUSR2: 12,
	SIGPIPE: 13,
	SIGALRM: 14,
	SIGTERM: 15,
	SIGXCPU: 24,
	SIGXFSZ: 25,
};
