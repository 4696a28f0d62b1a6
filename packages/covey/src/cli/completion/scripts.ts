import type { CommandDescription } from "./describe.ts";
import { fish } from "./fish.ts";
import { posix } from "./posix.ts";

/** A completion script per shell. Names of tasks and workers are asked of `covey __complete`, which answers fast or not at all. */
export const scripts: Readonly<Record<"bash" | "zsh" | "fish", (commands: readonly CommandDescription[]) => string>> = {
	bash: posix,
	zsh: (commands) => `#compdef covey\nautoload -U +X bashcompinit && bashcompinit\n${posix(commands)}`,
	fish,
};
