import { once } from "node:events";
import { connect } from "@covey/client";
import { type OperationName, operations, type Role } from "@covey/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPeer } from "#coordinator/ws/link.fixture.ts";
import { ask } from "../kit/door.ts";
import { Fleet } from "../kit/fleet.ts";

let fleet: Fleet;
let task: string;
beforeAll(async () => {
	fleet = await Fleet.start();
	({ task } = await fleet.sdk.submit({
		namespace: "secret",
		title: "of another namespace",
		payload: { command: ["true"] },
		constraints: { machine: "nobody" },
		policies: { fallback: "never" },
	}));
});
afterAll(() => fleet[Symbol.asyncDispose]());

async function tokenFor(roles: readonly Role[], namespaces: readonly string[] = []) {
	const { token, record } = await fleet.sdk.call("token.create", { kind: "client", roles: [...roles], namespaces: [...namespaces] });
	return { id: record.id, token, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } };
}
const codeOf = (text: string) => JSON.parse(text).code;

describe("a token", () => {
	it("of one role makes no call of another", async () => {
		const fills: Record<string, string> = { task, worker: "w", id: "x", repository: "0".repeat(32) };
		for (const role of ["submit", "read", "worker", "cache"] as const) {
			const { headers, token } = await tokenFor([role]);
			for (const name of Object.keys(operations) as OperationName[]) {
				const { method, path, roles } = operations[name];
				if (roles.includes(role)) continue;
				const filled = path.replace(/\{(\w+)\}/g, (_, parameter: string) => fills[parameter]!);
				const { status, text } = await ask(fleet.url, method, filled, { headers });
				expect([status, codeOf(text)], `${role} ${name}`).toEqual([403, "forbidden"]);
			}
			if (role === "worker" || role === "cache") continue;
			await using client = await connect({ url: fleet.url, token, reconnect: false });
			for (const name of ["token.list", "audit.list", "history.rebuild"] as const)
				await expect(client.call(name, {}), `${role} ${name}`).rejects.toMatchObject({ code: "forbidden" });
		}
	});

	it("of one namespace sees and changes nothing in another", async () => {
		const { headers, token } = await tokenFor(["submit", "read"], ["mine"]);
		for (const path of ["", "/wait", "/why", "/log", `/artifacts/${"0".repeat(64)}`])
			expect((await ask(fleet.url, "GET", `/api/v1/tasks/${task}${path}`, { headers })).status, path).toBe(404);
		for (const path of ["cancel", "resolve"]) {
			const { status } = await ask(fleet.url, "POST", `/api/v1/tasks/${task}/${path}`, { headers, body: '{"to":"done"}' });
			expect(status, path).toBe(404);
		}
		expect(JSON.parse((await ask(fleet.url, "GET", "/api/v1/tasks", { headers })).text)).toEqual({ tasks: [] });
		expect((await ask(fleet.url, "GET", "/api/v1/tasks?namespace=secret", { headers })).status).toBe(403);
		const body = JSON.stringify({ submissions: [{ namespace: "secret", payload: { command: ["true"] } }] });
		expect((await ask(fleet.url, "POST", "/api/v1/tasks", { headers, body })).status).toBe(403);
		const repository = "0".repeat(32);
		const [tree, commit] = ["0".repeat(40), "1".repeat(40)];
		const offer = JSON.stringify({ namespace: "secret", tree, commit });
		expect((await ask(fleet.url, "POST", `/api/v1/repositories/${repository}/snapshots`, { headers, body: offer })).status).toBe(403);
		const upload = `/git/${repository}/snapshots/${commit}?tree=${tree}&namespace=secret`;
		expect((await ask(fleet.url, "POST", upload, { headers })).status).toBe(403);
		await using client = await connect({ url: fleet.url, token, reconnect: false });
		await expect(client.follow(task)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "not_found" });
	});
});

describe("a token that is revoked or expires", () => {
	it("ends the sockets, streams and links that it opened, and nobody else's", async () => {
		const doomed = await tokenFor(["submit", "read", "worker"]);
		const other = await tokenFor(["read"]);
		const url = fleet.url.replace("http", "ws");
		const open = async ({ token }: { token: string }) => {
			const socket = createPeer(`${url}/api/v1/socket`, { authorization: `Bearer ${token}` }).socket;
			await once(socket, "open");
			return socket;
		};
		const [socket, kept] = [await open(doomed), await open(other)];
		const closed = once(socket, "close");
		const stream = fetch(`${fleet.url}/api/v1/events`, { headers: { authorization: `Bearer ${doomed.token}` } });
		const reading = (await stream).text();
		reading.catch(() => {});
		const link = createPeer(`${url}/ws`, { authorization: `Bearer ${doomed.token}` });
		await link.opened();
		link.send({ type: "register", worker_id: "v1", max_jobs: 1 });
		await fleet.worker("v1", "connected");

		await fleet.sdk.call("token.revoke", { id: doomed.id });
		expect((await closed)[0]).toBe(4401);
		await expect(reading).rejects.toThrow();
		expect((await link.closed()).code).toBe(4401);
		expect(kept.readyState).toBe(kept.OPEN);
		kept.terminate();

		const { token } = await fleet.sdk.call("token.create", { kind: "client", roles: ["read"], ttlMs: 1000 });
		expect((await once(await open({ token }), "close"))[0]).toBe(4401);
	});

	it("still answers whoever revokes its own", async () => {
		const { id, token } = await tokenFor(["admin"]);
		await using client = await connect({ url: fleet.url, token, reconnect: false });
		expect(await client.call("token.revoke", { id })).toMatchObject({ revoked: true });
		const again = await tokenFor(["admin"]);
		expect((await ask(fleet.url, "DELETE", `/api/v1/tokens/${again.id}`, { headers: again.headers })).status).toBe(200);
		expect((await ask(fleet.url, "GET", "/api/v1/status", { headers: again.headers })).status).toBe(401);
	});
});
