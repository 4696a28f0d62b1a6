/** A broken belief of the programmer. Never caught: the process ends and leases bring its work back. */
export class AssertionError extends Error {
	override readonly name = "AssertionError";
}

/** @throws AssertionError with `message` when `condition` is false. */
export function assert(condition: unknown, message: string): asserts condition {
	if (!condition) throw new AssertionError(message);
}
