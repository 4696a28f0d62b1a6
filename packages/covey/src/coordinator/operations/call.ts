import { CoveyError, type OperationName, operations } from "@covey/protocol";
import type { z } from "zod";
import { requireRole } from "#coordinator/auth/principal.ts";
import type { Caller, Handlers } from "./context.ts";

/**
 * One call, whichever door it came through: role, input, handler.
 * @throws CoveyError `not_found` for an unknown operation, `forbidden`, `bad_request`, and what the handler throws.
 */
export function callOperation(handlers: Handlers, name: string, input: unknown, caller: Caller): Promise<unknown> {
	const operation = isOperation(name) ? operations[name] : undefined;
	if (!operation) throw new CoveyError("not_found", `there is no operation ${JSON.stringify(name.slice(0, 64))}`);
	requireRole(caller.principal, operation.roles);
	const request = check(operation.input, input);
	return (handlers[name as OperationName] as (request: unknown, caller: Caller) => Promise<unknown>)(request, caller);
}

/** @throws CoveyError `bad_request` that names the first field at fault. */
export function check<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
	const checked = schema.safeParse(input);
	if (checked.success) return checked.data;
	const { path, message } = checked.error.issues[0]!;
	throw new CoveyError("bad_request", path.length > 0 ? `${path.map(String).join(".")}: ${message}` : message);
}

function isOperation(name: string): name is OperationName {
	return Object.hasOwn(operations, name);
}
