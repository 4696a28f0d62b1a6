import type { ControlGroup } from "./control-group.ts";

/**
 * The command, wrapped so that the process enters its control group *before* it becomes the command: whatever it starts
 * is then born inside. Costs one start of `sh` (about 0.7 ms). The process keeps its id; no core files are written.
 */
export function withLauncher(command: readonly string[], controlGroup: ControlGroup | undefined): readonly string[] {
	return controlGroup === undefined ? command : ["/bin/sh", "-c", script, "covey", `${controlGroup.path}/cgroup.procs`, ...command];
}

const script = 'echo $$ >"$1" || exit 126; shift; ulimit -c 0; exec "$@"';
