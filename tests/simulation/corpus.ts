/** Seeds that found a bug once, each with what it was. They run first, for ever. */
export const corpus: readonly { readonly seed: number; readonly ticks: number; readonly found: string }[] = [];

/** States that a minute of seeds must visit, or the simulation has lost its teeth. */
export const mustSee: readonly string[] = [
	"attempt repeated",
	"append unknown",
	"cancel accepted",
	"connection broke",
	"coordinator recovered",
	"crash between commit and effects",
	"deduplicated",
	"disk full",
	"drained",
	"ended cancelled",
	"ended passed",
	"ended superseded",
	"ended timed_out",
	"ended worker_lost",
	"journal snapshot",
	"machine slept",
	"merged",
	"output resumed",
	"a person decided",
	"session replaced or closed",
	"stale or repeated completion fenced",
	"worker crashed",
	"worker declined",
	"worker fenced itself or was fenced",
];
