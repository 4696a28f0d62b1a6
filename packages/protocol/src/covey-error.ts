import type { ErrorCode } from "./error-table.ts";
import type { WireError } from "./errors.ts";

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
