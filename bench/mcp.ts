import { carrySnapshot } from "#compose/carry.ts";
import { createSnapshot } from "#host/git/snapshot.ts";
import { Agent } from "../tests/kit/agent.ts";
import { Fleet } from "../tests/kit/fleet.ts";
import { Repository } from "../tests/kit/repository.ts";
import { interleave, time } from "./kit/time.ts";
import { type BenchLine, median, toLine } from "./line.ts";

/**
 * What a coding agent waits for, through its client, our server and a remote worker, all processes of their own.
 *
 * - `mcp-call`: a warm `run_command("true")` against the SDK's own `run` on an open socket; both take the snapshot of the
 *   same clean worktree and see that the coordinator has it.
 * - `mcp-answer`: characters of the answer to one failing test among 2,000 in a log of 5 MB, and where in it the test is.
 * - `mcp-merge`: executions when ten agents ask for the same test on the same tree.
 * - `mcp-fairness`: ten agents with ten trees on two workers: the longest wait against the mean.
 */
export async function run(): Promise<BenchLine[]> {
	await using fleet = await Fleet.start({ workers: 2, slots: 1 });
	return [await measureCall(fleet), ...(await measureAnswer(fleet)), await measureMerge(fleet), await measureFairness(fleet)];
}

const rounds = 5;
const callsPerRound = 40;

async function measureCall(fleet: Fleet): Promise<BenchLine> {
	using repository = new Repository(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`src/file-${i}.txt`, `line ${i}\n`])));
	await using agent = await Agent.start(fleet.client, repository.directory);
	const ours = () => time(() => passes(agent.call("run_command", { command: "true" })));
	const peer = () => time(() => runWithSdk(fleet, repository.directory));
	await interleave(10, ours, peer);
	const perRound: { ours: number; peer: number }[] = [];
	for (let round = 0; round < rounds; round++) {
		const calls = await interleave(callsPerRound, ours, peer);
		perRound.push({ ours: median(calls.map((call) => call.ours)), peer: median(calls.map((call) => call.peer)) });
	}
	return toLine("mcp-call", perRound, {
		bar: { kind: "<=", value: 1.3 },
		unit: "ms from call to answer, median",
		peerName: "SDK run on an open socket, snapshot included",
		notes: { callsPerRound },
	});
}

async function runWithSdk({ sdk, client }: Fleet, directory: string): Promise<void> {
	const snapshot = await createSnapshot({ directory, cacheDirectory: `${client.home}/.cache/covey/client` });
	const { repository, tree, commit } = snapshot;
	await carrySnapshot(sdk, snapshot, "default", new AbortController().signal);
	const { outcome } = await sdk.run({ payload: { command: ["sh", "-c", "true"], snapshot: { repository, tree, commit } } });
	if (outcome !== "passed") throw new Error(`true ${outcome}`);
}

async function measureAnswer(fleet: Fleet): Promise<BenchLine[]> {
	const failing = "suite::case_1234";
	const lines = Array.from(
		{ length: 2000 },
		(_, i) => `test suite::case_${i} ... ${i === 1234 ? "FAILED" : "ok"}\n${"captured ".repeat(270)}`,
	);
	const reason = `---- ${failing} stdout ----\nthread '${failing}' panicked at src/suite.rs:88:5:\nassertion \`left == right\` failed\n  left: 1\n right: 2\n`;
	const result = "test result: FAILED. 1999 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
	using repository = new Repository({
		".covey.toml": '[commands.test]\ncommand = "cat log.txt; exit 101"\nparser = "cargo"\n',
		"log.txt": `running 2000 tests\n${lines.join("\n")}\n\nfailures:\n\n${reason}\n\nfailures:\n    ${failing}\n\n${result}\n`,
	});
	await using agent = await Agent.start(fleet.client, repository.directory);
	const { text, structured } = await agent.call("test");
	const json = JSON.stringify(structured);
	const about = (place: number, half: string) => (place < 0 ? half.length : place + failing.length);
	const named = Math.max(about(text.indexOf("src/suite.rs:88"), text), about(json.indexOf('"file":"src/suite.rs","line":88'), json));
	return [
		toLine("mcp-answer", [{ ours: Math.max(text.length, json.length), peer: 2000 }], {
			bar: { kind: "<=", value: 1 },
			unit: "characters of the longer half",
			peerName: "the budget",
		}),
		toLine("mcp-answer-named", [{ ours: named, peer: 400 }], {
			bar: { kind: "<=", value: 1 },
			unit: "characters until test and place are named",
			peerName: "the budget",
		}),
	];
}

const agents = 10;

async function measureMerge(fleet: Fleet): Promise<BenchLine> {
	using repository = new Repository({ ".covey.toml": '[commands.test]\ncommand = "sleep 3"\n' });
	await using stack = new AsyncDisposableStack();
	const asking = await Promise.all(
		Array.from({ length: agents }, async () => stack.use(await Agent.start(fleet.client, repository.directory))),
	);
	const answers = await Promise.all(asking.map((agent) => agent.call("test")));
	const executions = new Set(answers.map(({ structured }) => structured.job_id)).size;
	return toLine("mcp-merge", [{ ours: executions, peer: 1 }], {
		bar: { kind: "<=", value: 1 },
		unit: "executions",
		peerName: "one",
		notes: { agents },
	});
}

async function measureFairness(fleet: Fleet): Promise<BenchLine> {
	await using stack = new AsyncDisposableStack();
	const asking = await Promise.all(
		Array.from({ length: agents }, async (_, i) => {
			const repository = stack.use(new Repository({ "README.md": `tree ${i}\n` }));
			return stack.use(await Agent.start(fleet.client, repository.directory));
		}),
	);
	const perRound: { ours: number; peer: number }[] = [];
	for (let round = 0; round < 3; round++) {
		// Each asks three times in a row, as an agent does: nobody's second is before another's first.
		const waits = await Promise.all(
			asking.map(async (agent) => {
				const start = performance.now();
				for (let call = 0; call < 3; call++) await passes(agent.call("run_command", { command: `sleep 0.3 # ${round} ${call}` }));
				return performance.now() - start;
			}),
		);
		perRound.push({ ours: Math.max(...waits), peer: waits.reduce((sum, wait) => sum + wait, 0) / waits.length });
	}
	return toLine("mcp-fairness", perRound, {
		bar: { kind: "<=", value: 2 },
		unit: "ms of the longest wait",
		peerName: "the mean wait",
		notes: { agents, workers: 2 },
	});
}

async function passes(answer: ReturnType<Agent["call"]>): Promise<void> {
	const { text, structured } = await answer;
	if (structured.outcome !== "passed") throw new Error(text);
}
