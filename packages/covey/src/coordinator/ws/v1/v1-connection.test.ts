import { errorTable } from "@covey/protocol";
import { expect, test } from "vitest";
import { assignTo, type RunningLink, startLink, task } from "#coordinator/ws/link.fixture.ts";
import { encodeToken } from "#host/token/token.ts";

const never = new AbortController().signal;
const key = `${task}.1`;

async function connect(link: RunningLink, given: { name?: string; roles?: readonly "worker"[]; max?: number; bearer?: string } = {}) {
	const token = link.fleet.addToken({ kind: "client", roles: given.roles ?? ["worker"], namespaces: ["team"] });
	const bearer = given.bearer ?? encodeToken({ kind: "client", ...token });
	const peer = link.connect({ authorization: `Bearer ${bearer}` });
	await peer.opened();
	peer.send({ type: "register", worker_id: given.name ?? "old-1", max_jobs: given.max ?? 2 });
	return { peer, bearer, token };
}

async function connected(link: RunningLink, given: Parameters<typeof connect>[1] = {}) {
	const known = link.fleet.events.length;
	const { peer, bearer, token } = await connect(link, given);
	const { session } = await link.fleet.event("worker.connect", (event) => link.fleet.events.indexOf(event) >= known);
	return { peer, bearer, token, session, worker: given.name ?? "old-1" };
}

async function readLog(link: RunningLink): Promise<string> {
	let text = "";
	for await (const frame of link.logs.read(task, 1, { offset: 0, follow: false, signal: never }))
		text += Buffer.from(frame.data).toString();
	return text;
}

test("A worker that speaks only v1 registers, gets a job, streams and completes", async () => {
	await using link = await startLink();
	const { peer, session, token } = await connected(link);
	expect(link.fleet.workers.get("old-1")).toMatchObject({ identity: { kind: "token", tokenId: token.id }, namespaces: ["team"] });
	peer.send({ type: "ready", slots: 1 });
	expect((await link.fleet.event("worker.offer")).offer).toMatchObject({ slots: 1, capabilities: ["run"], tags: {} });
	const snapshot = { repository: "a".repeat(32), tree: "b".repeat(40), commit: "c".repeat(40) };
	link.fleet.perform(
		assignTo(session, "old-1", {
			payload: { command: ["sh", "-c", "echo 'it works'"], directory: "sub dir", snapshot, environment: { CI: "1" } },
		}),
	);
	const job = (await peer.message("job")) as unknown as { repo: string };
	expect(job).toEqual({
		type: "job",
		job_id: key,
		repo: expect.any(String),
		commit: snapshot.commit,
		command: "cd 'sub dir' && sh -c 'echo '\\''it works'\\'''",
		env: { CI: "1" },
	});
	const url = new URL(job.repo);
	expect(url.host).toBe(new URL(link.url).host);
	expect(url.pathname).toBe(`/git/${snapshot.repository}`);
	expect(link.server.authorizeGit(url.password)).toEqual({
		repository: snapshot.repository,
		namespace: "default",
		commit: snapshot.commit,
	});
	await link.fleet.event("attempt.started");
	peer.send({ type: "output", job_id: key, stream: "stdout", data: "wörks\n" });
	peer.send({ type: "output", job_id: key, stream: "stderr", data: "x".repeat(300_000), extra: "ignored" });
	peer.send({ type: "complete", job_id: key, exit_code: 3 });
	const { report } = await link.fleet.event("attempt.completed");
	expect(report).toMatchObject({ outcome: "failed", facts: { exitCode: 3 }, outputBytes: 300_007 });
	expect(await readLog(link)).toBe(`wörks\n${"x".repeat(300_000)}`);
	expect(link.server.authorizeGit(url.password)).toBeUndefined();
});

test("An error is an infrastructure outcome, and a cancelled job ends with the reason of its cancel", async () => {
	await using link = await startLink();
	const { peer, session } = await connected(link);
	link.fleet.perform(assignTo(session, "old-1"), assignTo(session, "old-1", { attempt: 2 }));
	await peer.message("job" as never);
	peer.send({ type: "error", job_id: key, message: "no git here" });
	expect((await link.fleet.event("attempt.completed")).report).toMatchObject({ outcome: "bad_environment", message: "no git here" });
	link.fleet.perform({ type: "end", session, worker: "old-1", task, attempt: 2, reason: "superseded", graceMs: 5000 });
	expect(await peer.message("cancel")).toEqual({ type: "cancel", job_id: `${task}.2` });
	peer.send({ type: "complete", job_id: `${task}.2`, exit_code: 143 });
	const second = await link.fleet.event("attempt.completed", ({ attempt }) => attempt === 2);
	expect(second.report).toMatchObject({ outcome: "superseded", facts: { exitCode: 143, cancelled: true } });
});

test("A job over its time is cancelled and has timed out", async () => {
	await using link = await startLink();
	const { peer, session } = await connected(link);
	link.fleet.perform(assignTo(session, "old-1", { timeoutMs: 1 }));
	await peer.message("cancel");
	peer.send({ type: "complete", job_id: key, exit_code: 0 });
	expect((await link.fleet.event("attempt.completed")).report).toMatchObject({ outcome: "timed_out", facts: { timedOut: true } });
});

test("A v1 worker is synced at once, and again at each pong, with the jobs of this connection", async () => {
	await using link = await startLink({ pingMs: 20 });
	const { peer, session } = await connected(link);
	await peer.message("ping");
	expect((await link.fleet.event("worker.sync")).attempts).toEqual([]);
	link.fleet.perform(assignTo(session, "old-1"));
	await peer.message("job" as never);
	peer.send({ type: "pong" });
	expect(await link.fleet.event("worker.sync", ({ sequence }) => sequence === 2)).toMatchObject({
		assigned: 1,
		attempts: [{ task, attempt: 1, state: "running" }],
	});
});

test("A job that goes on over a new connection is asked about first; its output and its end, sent at once, follow what is there", async () => {
	await using link = await startLink();
	const first = await connected(link);
	link.fleet.perform(assignTo(first.session, "old-1"));
	await first.peer.message("job" as never);
	first.peer.send({ type: "output", job_id: key, stream: "stdout", data: "before " });
	first.peer.send({ type: "ready", slots: 1 });
	await link.fleet.event("worker.offer");
	first.peer.socket.terminate();
	await link.fleet.event("worker.disconnect");

	link.fleet.held.set(key, 1);
	const { peer, session } = await connected(link, { bearer: first.bearer });
	peer.send({ type: "output", job_id: key, stream: "stdout", data: "after" });
	peer.send({ type: "complete", job_id: key, exit_code: 0 });
	const sync = await link.fleet.event("worker.sync", (event) => event.session === session);
	expect(sync).toMatchObject({ session, attempts: [{ task, attempt: 1, state: "running" }] });
	link.fleet.perform({
		type: "synced",
		session,
		worker: "old-1",
		sequence: 1,
		end: [],
		settled: [],
		draining: false,
		keep: [{ task, attempt: 1 }],
	});
	const { report } = await link.fleet.event("attempt.completed");
	expect(report).toMatchObject({ outcome: "passed", outputBytes: 12 });
	expect(await readLog(link)).toBe("before after");
});

const refusals = [
	{ title: "no token", headers: {}, code: errorTable.unauthenticated.close },
	{ title: "a name that no worker may have", name: "Old Worker!", code: errorTable.bad_request.close },
] as const;

test.each(refusals)("A v1 worker with $title is refused", async (given) => {
	await using link = await startLink();
	const token = link.fleet.addToken({ kind: "client", roles: ["worker"] });
	const peer = link.connect("headers" in given ? given.headers : { authorization: `Bearer ${encodeToken({ kind: "client", ...token })}` });
	await peer.opened();
	peer.send({ type: "register", worker_id: "name" in given ? given.name : "old-1", max_jobs: 1 });
	expect((await peer.closed()).code).toBe(given.code);
	expect(link.fleet.events).toEqual([]);
});

test("A wrong token is refused on the upgrade, and another token's name is not taken over", async () => {
	await using link = await startLink();
	const wrong = link.connect({ authorization: `Bearer ${encodeToken({ kind: "client", id: "k9", secret: "guess" })}` });
	expect((await wrong.closed()).code).toBe(1006);
	await connected(link);
	const thief = await connect(link);
	expect((await thief.peer.closed()).code).toBe(errorTable.name_in_use.close);
});

test("What is not v1 ends a v1 connection", async () => {
	await using link = await startLink();
	const { peer } = await connected(link);
	peer.send({ type: "sync", sequence: 1, assigned: 0, attempts: [] });
	expect((await peer.closed()).code).toBe(errorTable.bad_request.close);
});
