/** Every message that Covey puts on a wire. Runs in a browser: no `node:` import, no dependency but zod. */
export * from "./errors.ts";
export * from "./events.ts";
export * from "./frames.ts";
export * from "./ids.ts";
export * from "./json.ts";
export * from "./limits.ts";
export * from "./link-frame.ts";
export * from "./link-v1.ts";
export * from "./link-v2.ts";
export * from "./operations.ts";
export * from "./outcome.ts";
export * from "./proof.ts";
export * from "./socket.ts";
export * from "./task.ts";
export * from "./tokens.ts";
export * from "./version.ts";
export { ErrorCode, WireError } from "./wire-error.ts";
export * from "./worker.ts";
