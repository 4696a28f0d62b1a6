import type { Requirement } from "./requirements.ts";

/** Says which promises a test keeps; its first line. `requirements.test.ts` reads these lines. */
export function verifies(..._: readonly Requirement[]): void {}
