/**
 * Bugs that the simulation found in Covey itself. A seed means another world as soon as worlds are drawn differently, so
 * no seed is kept: each bug is pinned by a small test beside its subject, which stays true however the simulation grows.
 */
export interface Find {
	readonly found: string;
	/** The test that holds it: file and title. */
	readonly file: string;
	readonly title: string;
}

const core = "packages/covey/src/core";

export const finds: readonly Find[] = [
	{
		found: "the end of a drain travelled in one message; when that was lost the worker declined everything for ever",
		file: `${core}/agent/agent.test.ts`,
		title: "a drain that was lost is heard with the next answer",
	},
	{
		found: "recovery corrected a record after a clock jump and did not journal it, so that memory and disk differed",
		file: `${core}/restore.test.ts`,
		title: "a clock that went back while the coordinator was away makes nobody wait for it",
	},
	{
		found: "an assignment that never reached its worker was sent again to it although it had been drained meanwhile",
		file: `${core}/step/sync.test.ts`,
		title: "an assignment that never arrived goes elsewhere when its worker has been drained meanwhile",
	},
	{
		found:
			"an assignment that was sent again had a full lease for its worker and the rest of the old one for the coordinator: it ran twice",
		file: `${core}/step/sync.test.ts`,
		title: "an assignment that is sent again has a full lease again",
	},
	{
		found: "a clock that jumped over a restart let work go elsewhere while a revoked worker could still run it",
		file: `${core}/restore.test.ts`,
		title: "a clock that went ahead while the coordinator was away shortens no wait for a revoked worker",
	},
	{
		found: "work of a revoked worker that a person queued again at once ran beside what the worker still ran",
		file: `${core}/restore.test.ts`,
		title: "work of a revoked worker that a person queues again waits for its lease, also over a restart",
	},
	{
		found: "a revoked worker on a half-open link was believed to have heard of it, and its work ran twice",
		file: `${core}/step/connect.test.ts`,
		title: "a revoked worker is cut off at once, and its work goes elsewhere when its lease would have ended",
	},
];

/** States that a minute of seeds must visit, or the simulation has lost its teeth. */
export const mustSee: readonly string[] = [
	"append unknown",
	"attempt repeated",
	"cancel accepted",
	"client left",
	"connection broke",
	"coordinator frozen",
	"coordinator recovered",
	"crash between commit and effects",
	"deduplicated",
	"deduplicated by history",
	"disk full",
	"drained",
	"ended bad_environment",
	"ended cancelled",
	"ended failed",
	"ended out_of_memory",
	"ended passed",
	"ended superseded",
	"ended timed_out",
	"ended worker_lost",
	"driver crashed between commit and effects",
	"driver recovered",
	"driver refused: store_full",
	"driver's answer compared",
	"driver's append: unknown",
	"driver's checkpoint",
	"driver's history failed",
	"fallback taken",
	"hold renewed",
	"journal snapshot",
	"machine slept",
	"merged",
	"message lost on a live connection",
	"output gap marked",
	"output resumed",
	"a person decided",
	"placed ahead by priority",
	"pressure eased",
	"pressure rose",
	"resent output dropped",
	"session replaced or closed",
	"stale or repeated completion fenced",
	"taken back from a silent asker",
	"two processes of one identity",
	"v1 worker connected",
	"v1 worker crashed",
	"worker crashed",
	"worker cut off",
	"worker declined",
	"worker fenced itself or was fenced",
	"worker gone",
	"worker left",
	"worker revoked",
];
