import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Connection, outputFrame, type Script, startCoordinator, taskId, taskView } from "@covey/client/coordinator.fixture";
import type { FromClient, TaskSubmission } from "@covey/protocol";
import { expect, test } from "vitest";
import { createHome, startCovey } from "#cli/covey.fixture.ts";

const placement = {
	at: 1,
	attempt: 1,
	worker: "alpha",
	waitedMs: 4,
	because: "free" as const,
	sentence: "alpha: most free slots (3 of 4)",
	candidates: [],
	workersKnown: 1,
};
const tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const ended = (fields: Parameters<typeof taskView>[0] = {}, report: object = {}) =>
	taskView({
		status: "done",
		outcome: "passed",
		exitCode: 0,
		endedAt: 2400,
		placement,
		attempts: [{ number: 1, worker: "alpha", claimedAt: 1, report: { outcome: "passed", tree, ...report } }] as never,
		...fields,
	});

/** A coordinator that has every snapshot, takes every submission, and then does as `follow` says. */
function obliging(follow: (id: number, connection: Connection) => void, cancel?: (connection: Connection) => void): Script {
	return {
		message(message: FromClient, connection: Connection) {
			const { id } = message;
			if (message.type === "follow") follow(id, connection);
			if (message.type !== "call") return;
			if (message.operation === "snapshot.offer")
				connection.send({ type: "result", id, output: { have: true, bases: [], upload: "/packs" } });
			if (message.operation === "task.submit")
				connection.send({
					type: "result",
					id,
					output: { results: [{ task: taskId, ask: "a_1", status: "pending", merged: false, deduplicated: false }] },
				});
			if (message.operation === "worker.list") connection.send({ type: "result", id, output: { workers: [] } });
			if (message.operation === "task.cancel") {
				connection.send({ type: "result", id, output: {} });
				cancel?.(connection);
			}
		},
	};
}

const submissionOf = (received: readonly FromClient[]): TaskSubmission => {
	const call = received.find((message) => message.type === "call" && message.operation === "task.submit");
	return (call as unknown as { input: { submissions: TaskSubmission[] } }).input.submissions[0] as TaskSubmission;
};
const environmentOf = (url: string) => ({ COVEY_URL: url, COVEY_TOKEN: "cvt_1.x" });

test("a run writes the job's bytes unchanged, says where and how it ended, and exits with the job's own code", async () => {
	using home = createHome();
	const bytes = randomBytes(3 * 1024 * 1024);
	await using coordinator = await startCoordinator(
		obliging((id, connection) => {
			connection.send({ type: "task", id, task: taskView({ placement }), ended: false });
			connection.send({ type: "attempt", id, attempt: 1 });
			for (let offset = 0; offset < bytes.length; offset += 200_000)
				connection.sendFrame({ ...outputFrame(id, offset, ""), data: bytes.subarray(offset, offset + 200_000) });
			const task = ended({ status: "failed", outcome: "failed", exitCode: 3 }, { outcome: "failed", facts: { exitCode: 3, signal: null } });
			connection.send({ type: "task", id, task, ended: true });
		}),
	);
	const run = startCovey(["run", "--json", "--tag", "os=linux", "--timeout", "5m", "--", "make", "--jobs", "2"], {
		home,
		environment: environmentOf(coordinator.url),
	});
	const { code, stdout, stderr } = await run.ended;
	expect({ code, stderr: code === 3 ? "" : stderr }).toEqual({ code: 3, stderr: "" });
	expect(stdout.equals(bytes)).toBe(true);
	const lines = stderr.trim().split("\n");
	expect(lines[0]).toBe(`covey: ${taskId} runs on alpha: most free slots (3 of 4)`);
	expect(lines[1]).toBe("covey: failed (exit 3) · on alpha · tree 4b825dc642cb · 1.4 s");
	expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ schema: 1, outcome: "failed", exitCode: 3, machine: "alpha", tree, attempt: 1 });
	const submission = submissionOf(coordinator.received);
	expect(submission).toMatchObject({
		payload: { command: ["make", "--jobs", "2"], snapshot: { tree: expect.stringMatching(/^[0-9a-f]{40}$/) } },
		constraints: { tags: { os: "linux" } },
		policies: { timeoutMs: 300_000, unmatched: "refuse" },
		dedupKey: expect.stringMatching(/^run-/),
		mergeKey: expect.stringMatching(/^[0-9a-f]{64}$/),
	});
});

test("stdout and stderr of the job stay apart", async () => {
	using home = createHome();
	await using coordinator = await startCoordinator(
		obliging((id, connection) => {
			connection.sendFrame(outputFrame(id, 0, "out"));
			connection.sendFrame({ ...outputFrame(id, 3, "err\n"), stream: "stderr" });
			connection.send({ type: "task", id, task: ended(), ended: true });
		}),
	);
	const { code, stdout, stderr } = await startCovey(["run", "true"], { home, environment: environmentOf(coordinator.url) }).ended;
	expect([code, stdout.toString(), stderr.split("\n")[0]]).toEqual([0, "out", "err"]);
});

test("detached, it prints the task alone and does not watch", async () => {
	using home = createHome();
	await using coordinator = await startCoordinator(obliging(() => {}));
	const run = startCovey(["run", "--detach", "--no-merge", "--supersede", "--", "true"], {
		home,
		environment: environmentOf(coordinator.url),
	});
	expect(await run.ended).toMatchObject({ code: 0, stdout: Buffer.from(`${taskId}\n`), stderr: "" });
	const submission = submissionOf(coordinator.received);
	expect(submission.policies.unmatched).toBe("wait");
	expect(submission.mergeKey).toBeUndefined();
	expect(submission.supersedeKey).toMatch(/^worktree-/);
});

test("Ctrl-C asks for a cancel and waits for the end; SIGTERM does the same with its own code", async () => {
	for (const [signal, expected] of [
		["SIGINT", 130],
		["SIGTERM", 143],
	] as const) {
		using home = createHome();
		let follow = 0;
		await using coordinator = await startCoordinator(
			obliging(
				(id, connection) => {
					follow = id;
					connection.send({ type: "task", id, task: taskView({ placement }), ended: false });
				},
				(connection) =>
					connection.send({ type: "task", id: follow, task: ended({ status: "cancelled", outcome: "cancelled" }), ended: true }),
			),
		);
		await using run = startCovey(["run", "--", "sleep", "1000"], { home, environment: environmentOf(coordinator.url) });
		await run.said("on alpha");
		run.child.kill(signal);
		expect(await run.ended).toMatchObject({ code: expected, signal: null });
	}
});

test("the second Ctrl-C asks for force and leaves at once", async () => {
	using home = createHome();
	await using coordinator = await startCoordinator(
		obliging((id, connection) => connection.send({ type: "task", id, task: taskView({ placement }), ended: false })),
	);
	await using run = startCovey(["run", "--", "sleep", "1000"], { home, environment: environmentOf(coordinator.url) });
	await run.said("on alpha");
	run.child.kill("SIGINT");
	await run.said("cancelling");
	run.child.kill("SIGINT");
	expect(await run.ended).toMatchObject({ code: null, signal: "SIGINT" });
	const cancels = coordinator.received.filter((message) => message.type === "call" && message.operation === "task.cancel");
	expect(cancels).toMatchObject([{ input: { ask: "a_1", force: false } }, { input: { ask: "a_1", force: true } }]);
});

test("a reader that stalls holds back neither Ctrl-C nor, once it reads again, a byte", async () => {
	using home = createHome();
	const bytes = randomBytes(2 * 1024 * 1024);
	let follow = 0;
	const cancelled = Promise.withResolvers<void>();
	await using coordinator = await startCoordinator(
		obliging(
			(id, connection) => {
				follow = id;
				connection.send({ type: "task", id, task: taskView({ placement }), ended: false });
				for (let offset = 0; offset < bytes.length; offset += 200_000)
					connection.sendFrame({ ...outputFrame(id, offset, ""), data: bytes.subarray(offset, offset + 200_000) });
			},
			(connection) => {
				connection.send({ type: "task", id: follow, task: ended({ status: "cancelled", outcome: "cancelled" }), ended: true });
				cancelled.resolve();
			},
		),
	);
	await using run = startCovey(["run", "--", "cat"], { home, environment: environmentOf(coordinator.url) });
	run.child.stdout?.pause();
	await run.said("on alpha");
	run.child.kill("SIGINT");
	await cancelled.promise;
	run.child.stdout?.resume();
	const { code, stdout } = await run.ended;
	expect([code, stdout.equals(bytes)]).toEqual([130, true]);
});

test("a lost terminal and a closed stdout cancel nothing", async () => {
	using home = createHome();
	await using coordinator = await startCoordinator(
		obliging((id, connection) => {
			connection.send({ type: "task", id, task: taskView({ placement }), ended: false });
			connection.sendFrame(outputFrame(id, 0, "x".repeat(1000)));
		}),
	);
	await using hungUp = startCovey(["run", "--", "make"], { home, environment: environmentOf(coordinator.url) });
	await hungUp.said("on alpha");
	hungUp.child.kill("SIGHUP");
	expect(await hungUp.ended).toMatchObject({ signal: "SIGHUP" });
	await using unread = startCovey(["run", "--", "make"], { home, environment: environmentOf(coordinator.url) });
	unread.child.stdout?.destroy();
	expect(await unread.ended).toMatchObject({ code: 141, stderr: expect.stringContaining(`covey attach ${taskId}`) });
	expect(coordinator.received.some((message) => message.type === "call" && message.operation === "task.cancel")).toBe(false);
});

test("equal runs have equal merge keys; another tree, command or machine another one", async () => {
	using home = createHome();
	await using coordinator = await startCoordinator(obliging(() => {}));
	const keyOf = async (...words: string[]) => {
		const before = coordinator.received.length;
		await startCovey(["run", "--detach", ...words], { home, environment: environmentOf(coordinator.url) }).ended;
		return submissionOf(coordinator.received.slice(before)).mergeKey;
	};
	const [first, again] = [await keyOf("make"), await keyOf("make")];
	writeFileSync(join(home.repository, "file.txt"), "changed\n");
	const others = [await keyOf("make"), await keyOf("make", "test"), await keyOf("--on", "alpha", "make")];
	expect(again).toBe(first);
	expect(new Set([first, ...others]).size).toBe(4);
});

test("what cannot run says why and the way out", async () => {
	using home = createHome();
	await using coordinator = await startCoordinator({
		refuse: { status: 401, body: { code: "unauthenticated", message: "this token has expired" } },
	});
	const environment = environmentOf(coordinator.url);
	const outside = await startCovey(["run", "--", "true"], { home, cwd: home.directory, environment }).ended;
	expect(outside).toMatchObject({ code: 2, stderr: expect.stringContaining("--no-snapshot") });
	const expired = await startCovey(["run", "--", "true"], { home, environment }).ended;
	expect(expired).toMatchObject({ code: 4, stderr: expect.stringContaining("this token has expired") });
	expect(expired.stderr).not.toContain("cvt_1.x");
	await using open = await startCoordinator(obliging(() => {}));
	const unset = await startCovey(["run", "--env-var", "NO_SUCH", "--", "true"], { home, environment: environmentOf(open.url) }).ended;
	expect(unset).toMatchObject({ code: 2, stderr: expect.stringContaining("NO_SUCH") });
});

test("a machine that is not there is told with the one that may have been meant, also where the run only waits for it", async () => {
	using home = createHome();
	const refusal = { code: "no_worker", message: "no worker meets the constraints", hint: "join one" } as const;
	const script = (refuse: boolean): Script => {
		const { message } = obliging(() => {});
		return {
			message(asked, connection) {
				if (asked.type !== "call") return;
				const { id, operation } = asked;
				if (operation === "worker.list") connection.send({ type: "result", id, output: { workers: [{ name: "mini" }] } as never });
				else if (operation === "task.submit" && refuse) connection.send({ type: "error", id, error: refusal });
				else message?.(asked, connection);
			},
		};
	};
	await using refusing = await startCoordinator(script(true));
	const refused = startCovey(["run", "--on", "mni", "--", "true"], { home, environment: environmentOf(refusing.url) });
	expect(await refused.ended).toMatchObject({ code: 7, stderr: expect.stringContaining("did you mean mini? If not: join one") });
	await using waiting = await startCoordinator(script(false));
	const detached = startCovey(["run", "--on", "mni", "--detach", "--", "true"], { home, environment: environmentOf(waiting.url) });
	expect(await detached.ended).toMatchObject({
		code: 0,
		stdout: Buffer.from(`${taskId}\n`),
		stderr: expect.stringContaining("did you mean mini?"),
	});
	const known = startCovey(["run", "--on", "mini", "--detach", "--", "true"], { home, environment: environmentOf(waiting.url) });
	expect(await known.ended).toMatchObject({ code: 0, stderr: "" });
});
