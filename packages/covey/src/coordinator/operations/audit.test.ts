import { setTimeout as wait } from "node:timers/promises";
import type { AuditEvent } from "@covey/protocol";
import { expect, test } from "vitest";
import { startCoordinator, type TestCoordinator } from "#coordinator/start-coordinator.fixture.ts";

const submissions = (titles: readonly string[]) => ({ submissions: titles.map((title) => ({ title, payload: { command: ["true"] } })) });

/** All of the audit in pages of `limit`, once it holds as many entries as expected. */
async function audit({ call }: TestCoordinator, count: number, limit: number): Promise<AuditEvent[]> {
	for (;;) {
		const entries: AuditEvent[] = [];
		for (let cursor: string | undefined = ""; cursor !== undefined; ) {
			const { json } = await call("GET", `/api/v1/audit?limit=${limit}${cursor && `&cursor=${cursor}`}`);
			entries.push(...json.entries);
			cursor = json.next;
		}
		if (entries.length >= count) return entries;
		await wait(10);
	}
}

test("submissions are told among the other changes, whether their tasks live or have ended, in pages of any size", async () => {
	await using home = await startCoordinator();
	const tasks: string[] = [];
	for (const title of ["first", "second", "third"]) {
		const { json } = await home.call("POST", "/api/v1/tasks", { body: submissions([title]) });
		tasks.push(json.results[0].task);
		await wait(2);
	}
	await home.call("POST", `/api/v1/tasks/${tasks[1]}/cancel`, { body: {} });
	const whole = await audit(home, 4, 100);
	expect(whole.map(({ action, subject, actor }) => [action, subject, actor])).toEqual([
		["task.cancel", tasks[1], "admin"],
		...tasks.toReversed().map((task) => ["task.submit", task, "admin"]),
	]);
	for (const limit of [1, 2, 3]) expect(await audit(home, 4, limit)).toEqual(whole);
});

test("who else asked for the same is told with it, and a cursor of another list is refused", async () => {
	await using home = await startCoordinator();
	const { json } = await home.call("POST", "/api/v1/tokens", { body: { kind: "client", roles: ["submit"], label: "bob" } });
	const merged = { submissions: [{ mergeKey: "same", payload: { command: ["true"] } }] };
	await home.call("POST", "/api/v1/tasks", { body: merged });
	await home.call("POST", "/api/v1/tasks", { body: merged, token: json.token });
	const submitted = (await audit(home, 2, 100)).filter(({ action }) => action === "task.submit");
	expect(submitted).toMatchObject([{ actor: "admin", detail: "asked for by bob too" }]);
	for (const cursor of ["m12", "~x", "1.1~t_1~"])
		expect((await home.call("GET", `/api/v1/audit?cursor=${cursor}`)).json.code, cursor).toBe("bad_request");
});
