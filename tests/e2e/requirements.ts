/**
 * What Covey promises of a run, proved on real processes. An id is `topic:case`; the sentence is the promise. Write
 * the line first: `requirements.test.ts` fails until a test says `verifies("topic:case")`.
 */
export const requirements = {
	"tree:exact": "A remote worker runs the worktree exactly as it is: modified, deleted, untracked, executable and linked files.",
	"tree:untouched": "A run leaves the person's index, refs and files as they were.",
	"tree:random": "The worker's tree hash is that of `git add -A`, for any dirty worktree, with many runs at once.",
	"tree:include": "--include takes an ignored file along; other ignored files stay at home.",
	"tree:clean": "Build outputs stay warm in the worktree for the next run, and --clean drops them.",
	"tree:directory": "A run starts in the same directory of the worktree as the person stands in.",

	"output:streams": "stdout and stderr come back apart and unchanged, and nothing of Covey is on stdout.",
	"output:bytes": "Binary output and invalid UTF-8 come back byte for byte.",
	"output:long-line": "One line of 10 MB comes back whole.",
	"output:pipe": "A reader that has seen enough ends the watching, not the run.",

	"run:exit-code": "The exit code is the command's own, and a signal's is what a shell would say.",
	"run:not-found": "A command that is not found says so and exits with 127.",
	"run:env-var": "--env-var sets a variable of the job; nothing else of the person's environment travels.",
	"run:pull": "--pull brings files and directories back with content and mode, and names what is not there.",
	"run:timeout": "--timeout ends the command and all it started; exit 124.",
	"run:silent-timeout": "--silent-timeout ends a command that writes nothing, and only such a one.",
	"run:json": "--json prints the final record as the last line on stderr.",
	"run:announces": "A run says in one line where it runs and why, and in one line how it ended.",
	"run:detach": "--detach prints the task's id alone, and attach shows all of its output and exits with its code.",

	"share:merge": "Equal work in flight runs once and answers all who asked.",
	"share:no-merge": "--no-merge runs equal work again.",
	"share:cancel-one": "One of two who share a run may cancel; the run goes on for the other.",
	"share:supersede": "--supersede ends the older run of the same worktree as superseded.",

	"place:on": "--on runs on that machine and no other.",
	"place:tag": "--tag runs on a worker that has the tag.",
	"place:no-worker": "When no worker fits, the refusal says which constraint left out which worker; exit 7.",
	"place:fallback-never": "--fallback never keeps work off the coordinator's own worker.",
	"place:fallback-always": "--fallback always lets the coordinator's own worker take it.",
	"place:why": "covey why tells of a waiting task what it waits for, and of a placed one why there.",
	"place:drain": "A drained worker finishes what it has and takes nothing new.",

	"embedded:default": "In an empty home `covey run` starts a coordinator in the background and runs here, and says so.",
	"embedded:one-owner": "A second `covey up` on the same state refuses and names the running one; exit 6.",

	"crash:worker": "A worker killed in the middle of a run: the run is tried again elsewhere and reported once.",
	"crash:worker-orphans": "What a killed worker was running is ended with it or by the next start.",
	"crash:coordinator": "A coordinator killed in the middle of a run: worker and client come back to it, no byte is lost or twice.",
	"crash:coordinator-report": "A run that ends while the coordinator is dead is reported, once, when it is back.",
	"crash:coordinator-queue": "Every acknowledged task survives a killed coordinator.",
	"crash:client": "A client killed in the middle of a run: the run goes on and attach finds it, output and all.",

	"interrupt:once": "Ctrl-C cancels the run and exits with 130; grandchildren of setsid and nohup are gone.",
	"interrupt:twice": "A second Ctrl-C leaves at once and kills a job that ignores TERM.",
	"interrupt:hangup": "A closed terminal cancels nothing; attach finds the run.",
	"interrupt:cancel": "covey cancel ends a run for whoever watches it.",

	"network:short-cut": "A link cut for less than the lease: the same attempt goes on and its output has no gap.",
	"network:long-cut": "A link cut for longer than the lease: the worker ends its tree first, then another worker is tried; one report.",

	"mcp:tools": "The MCP server offers the agreed tools, annotated, to clients of the old and the new specification.",
	"mcp:exact":
		"A tool call runs the worktree as it is, uncommitted edits included, and its answer names outcome, tree, machine, job and why there.",
	"mcp:failing":
		"A failing test is no tool error: the verdict comes first, then the failure with file and line, in text and structure alike.",
	"mcp:cargo": "A real cargo project is built, linted, mended and tested through the tools.",
	"mcp:budget": "One failing test among 2,000 in a log of 5 MB is answered in 2,000 characters, named in the first 400.",
	"mcp:nothing-ran": "A filter or package that matches nothing is said, never a green zero.",
	"mcp:fix": "A fixer's patch is applied when the worktree has not changed, and comes back unapplied with the reason when it has.",
	"mcp:pull": "What the project asks to have back of a run comes to the same place of the worktree, and nothing else.",
	"mcp:ends-how":
		"An answer names what was run and what said so, why it could not start, the signal that killed it, the limit that it met.",
	"mcp:new": "What is new since the last run in this worktree is marked, what passes again is named.",
	"mcp:clean": "Output is data: terminal sequences are taken out, and what reads like an instruction stands below a line that says so.",
	"mcp:long": "A call waits only so long, then gives a handle; job_wait, job_log and job_cancel go on from there, from any connection.",
	"mcp:progress": "A waiting call tells its progress.",
	"mcp:tasks": "A client that declares tasks gets one for long work, and polls it to its result.",
	"mcp:parallel": "Calls that an agent makes at once do not disturb each other.",
	"mcp:merge": "Ten agents that ask for the same test on the same tree get one execution.",
	"mcp:supersede": "A newer snapshot of the same worktree ends the older run when asked.",
	"mcp:idempotent": "A repeated call with the same key finds the first one's run.",
	"mcp:ends":
		"EOF, SIGINT, SIGTERM, SIGHUP and a cancelled call end what a connection had asked for, and no process stays behind; a detached run goes on.",
	"mcp:killed": "A killed server's runs end when it has not been heard of for as long as it is held.",
	"mcp:bare": "With HOME and PATH alone the server starts, and it keeps nothing of an agent's keys in its environment.",
	"mcp:refusals": "What cannot be done is a short true sentence with the way out.",
	"mcp:v1": "A foreign v1 worker completes a job that an agent's tool call asked for.",
	"mcp:restart": "A coordinator that ended meanwhile is found or started again by the next call.",
	"mcp:http": "/mcp serves a token its one worktree, and refuses wrong tokens, foreign hosts and foreign pages.",

	"top:screen":
		"covey top shows workers, queue and running work on a terminal of 80 by 24, and its keys follow a log, explain, cancel and drain.",
	"top:lines": "Without a terminal covey top writes a line for each change.",

	"load:starved": "Jobs that take every core do not make their worker look lost.",

	"v1:run": "A foreign v1 worker registers with a worker token, fetches by plain git, streams and completes.",
	"v1:wrong-token": "A v1 worker with a wrong token is refused.",
	"v1:cancel": "A cancelled run ends on a v1 worker too.",

	"refuse:no-repository": "Outside a repository a run is refused and --no-snapshot named; with it, it runs.",
	"refuse:submodule": "A submodule is refused by name, and runs when allowed.",
	"refuse:lfs": "An LFS file is refused by name, and runs when allowed.",
	"refuse:escaping-link": "A link out of the worktree is refused by name, and runs when allowed.",
	"refuse:huge-file": "A 1 GB untracked file is refused by name and size before it is read.",
	"refuse:token": "A wrong, revoked or expired token is refused with the way to a new one; exit 4.",
	"refuse:version": "A coordinator of another version is refused with both ranges; exit 7.",
	"refuse:message-size": "A message over the limit is refused with the limit.",
	"refuse:name-in-use": "A worker name that is in use is refused; exit 6.",
	"refuse:config": "Malformed configuration is refused with file, line and column.",
	"refuse:coordinator-disk-full": "A coordinator without disk space refuses new work, serves reads, and recovers when space returns.",
	"refuse:worker-disk-full": "A worker without disk space ends the attempt with a reason that says so.",
	"refuse:unreachable": "A coordinator that cannot be reached is named; exit 7.",

	"odd:no-commit": "A repository without a commit runs and says so.",
	"odd:detached": "A detached HEAD runs like any other.",
	"odd:merge": "A merge in progress travels with its conflict markers, and says so.",
	"odd:dirty-index": "What is staged and what is changed since both travel as the files are now.",
	"odd:names": "File names with newlines and bytes that are no UTF-8 travel unchanged.",

	"package:installs": "The packed package installs into an empty directory without dependencies and runs the main job.",

	"enrol:scripts": "A second home joins by script: up on a picked port, status --wait, a token by variable, file or stdin.",
	"enrol:once": "A join token enrols one worker.",
	"enrol:again": "covey worker start works again after an earlier join, without a token.",
	"enrol:revoke": "A revoked worker's link is closed at once and stays refused.",

	"build-agent:joins":
		"A build agent joins from its own file by a port that is for agents alone, and runs exact trees in the directories that the file names.",
	"build-agent:config":
		"What is wrong in a build agent's file is told with file, line and column, and a join token that others may read is refused.",
	"build-agent:limits": "A build agent ends what runs for longer than its own file allows.",
	"build-agent:drains": "A build agent drains at the first SIGTERM, up to the time that its file gives.",
	"build-agent:pool": "build-pool start, status and stop: what runs may end, exit 7 when none runs, results and logs outlast a restart.",
	"build-agent:git-daemon":
		"git daemon serves what was named, read-only and no more, comes back when it dies, and never outlives the coordinator.",
	"build-agent:pressure": "A worker under pressure starts no further job, however many slots are free, until the pressure falls.",

	"real:project": "The fleet builds and tests a real project on a remote worker from a dirty worktree, by its own tests.",
} as const;

export type Requirement = keyof typeof requirements;
