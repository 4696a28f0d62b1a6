import { z } from "zod";
import { type ErrorCode as Code, errorTable } from "./errors.ts";
import { Json } from "./json.ts";
import { wireLimits } from "./limits.ts";

export type ErrorCode = Code;
export const ErrorCode = z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]);

/** The body of every refusal: names the thing, the value seen and the way out. */
export const WireError = z.object({
	code: ErrorCode,
	message: z.string().max(wireLimits.messageTextMax),
	/** What the person can do about it. */
	hint: z.string().max(wireLimits.messageTextMax).optional(),
	retryAfterMs: z.number().min(0).optional(),
	details: Json.optional(),
});
export type WireError = z.infer<typeof WireError>;
