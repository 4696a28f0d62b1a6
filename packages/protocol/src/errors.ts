import type { WireError } from "./wire-error.ts";

/** No zod here: a program that only throws and reads errors need not load it. The schemas stand in `wire-error.ts`. */
export type { WireError } from "./wire-error.ts";

/** May the same call be made again? `never`: it will fail again; `later`: after `retryAfterMs`; `now`: at once. */
export type RetryKind = "never" | "later" | "now";

/**
 * Every error that crosses a wire, and what it is in HTTP, as a WebSocket close and as an exit code.
 * The exit codes are explained in `docs/exit-codes.md`.
 */
export const errorTable = {
	bad_request: { http: 400, close: 4400, exit: 2, retry: "never" },
	unauthenticated: { http: 401, close: 4401, exit: 4, retry: "never" },
	forbidden: { http: 403, close: 4403, exit: 4, retry: "never" },
	not_found: { http: 404, close: 4404, exit: 5, retry: "never" },
	conflict: { http: 409, close: 4409, exit: 6, retry: "never" },
	name_in_use: { http: 409, close: 4410, exit: 6, retry: "never" },
	stale_attempt: { http: 409, close: 4411, exit: 6, retry: "never" },
	transition_refused: { http: 409, close: 4412, exit: 6, retry: "never" },
	too_large: { http: 413, close: 4413, exit: 2, retry: "never" },
	misdirected: { http: 421, close: 4421, exit: 4, retry: "never" },
	bad_config: { http: 400, close: 4415, exit: 3, retry: "never" },
	bad_snapshot: { http: 422, close: 4422, exit: 3, retry: "never" },
	version_mismatch: { http: 426, close: 4426, exit: 7, retry: "never" },
	too_many: { http: 429, close: 4429, exit: 7, retry: "later" },
	internal: { http: 500, close: 4500, exit: 70, retry: "never" },
	no_worker: { http: 503, close: 4503, exit: 7, retry: "later" },
	unavailable: { http: 503, close: 4504, exit: 7, retry: "later" },
	store_full: { http: 507, close: 4507, exit: 7, retry: "later" },
	timeout: { http: 504, close: 4508, exit: 8, retry: "later" },
} as const satisfies Record<string, { http: number; close: number; exit: number; retry: RetryKind }>;

export type ErrorCode = keyof typeof errorTable;

/**
 * An expected failure, on this side of a wire. Programmer errors are not CoveyErrors: they assert and crash.
 * Whoever throws it names the thing and the value in `message` and the way out in `hint`.
 */
export class CoveyError extends Error {
	override readonly name = "CoveyError";
	readonly code: ErrorCode;
	readonly hint: string | undefined;
	readonly retryAfterMs: number | undefined;
	readonly details: WireError["details"];

	constructor(
		code: ErrorCode,
		message: string,
		options: { hint?: string; retryAfterMs?: number; details?: CoveyError["details"]; cause?: unknown } = {},
	) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.code = code;
		this.hint = options.hint;
		this.retryAfterMs = options.retryAfterMs;
		this.details = options.details;
	}

	static from(error: WireError): CoveyError {
		const { code, message, ...options } = error;
		return new CoveyError(code, message, options as ConstructorParameters<typeof CoveyError>[2]);
	}

	toWire(): WireError {
		return {
			code: this.code,
			message: this.message,
			...(this.hint !== undefined && { hint: this.hint }),
			...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
			...(this.details !== undefined && { details: this.details }),
		};
	}
}
