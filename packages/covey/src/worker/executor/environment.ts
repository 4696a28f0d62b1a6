import { parseAttemptKey } from "@covey/protocol/ids";

/**
 * What a job gets of the worker's own environment. A list of what is let through, because a list of what is kept back
 * (tokens, `GIT_*`, `NODE_OPTIONS`, `LD_*`) is never complete. `CI` is not set: a command does the same here as at home.
 */
const inherited: ReadonlySet<string> = new Set([
	"PATH",
	"HOME",
	"USER",
	"LOGNAME",
	"SHELL",
	"LANG",
	"LANGUAGE",
	"TZ",
	"TERM",
	"SSL_CERT_FILE",
	"SSL_CERT_DIR",
	"NIX_SSL_CERT_FILE",
	"NODE_EXTRA_CA_CERTS",
]);

export interface EnvironmentInput {
	/** The worker's own. */
	readonly own: Readonly<Record<string, string | undefined>>;
	/** What the task asks for; wins over what is inherited, never over Covey's marks. */
	readonly declared: Readonly<Record<string, string>>;
	readonly attemptKey: string;
	readonly worker: string;
	readonly cwd: string;
	/** The attempt's private one. */
	readonly temporaryDirectory: string;
}

/** The whole environment of a job. */
export function jobEnvironment(input: EnvironmentInput): Record<string, string> {
	const environment: Record<string, string> = {};
	for (const [name, value] of Object.entries(input.own)) {
		if (value !== undefined && (inherited.has(name) || name.startsWith("LC_"))) environment[name] = value;
	}
	environment.TMPDIR = input.temporaryDirectory;
	return {
		...environment,
		...input.declared,
		PWD: input.cwd,
		COVEY_TASK: parseAttemptKey(input.attemptKey)?.task ?? input.attemptKey,
		COVEY_ATTEMPT: input.attemptKey,
		COVEY_WORKER: input.worker,
	};
}

/** How the processes of an attempt are recognised when they left their group. */
export function attemptMark(attemptKey: string): string {
	return `COVEY_ATTEMPT=${attemptKey}`;
}
