import { once } from "node:events";
import { FleetStatus, operations, WireError } from "@covey/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { send, startCoordinator, type TestCoordinator } from "#coordinator/start-coordinator.fixture.ts";
import { createSecret, encodeToken } from "#host/token/token.ts";

const task = `t_${"0".repeat(26)}`;
const sample: Readonly<Record<string, string>> = {
	task,
	worker: "w1",
	id: "abcdef",
	repository: "0".repeat(32),
	commit: "0".repeat(40),
	digest: "0".repeat(64),
};

let fleet: TestCoordinator;
/** Every route, as the served document names it. */
let endpoints: { method: string; path: string; open: boolean }[];

beforeAll(async () => {
	fleet = await startCoordinator();
	const { json } = await fleet.call("GET", "/api/v1/openapi.json");
	endpoints = Object.entries(json.paths as Record<string, Record<string, { security: unknown[] }>>).flatMap(([path, methods]) =>
		Object.entries(methods).map(([method, { security }]) => ({
			method: method.toUpperCase(),
			path: path.replace(/\{(\w+)\}/g, (_, name: string) => sample[name] ?? "x"),
			open: security.length === 0,
		})),
	);
});
afterAll(() => fleet[Symbol.asyncDispose]());

async function taskCount(): Promise<number> {
	return (await fleet.call("GET", "/api/v1/tasks")).json.tasks.length;
}

/** The refusal of a WebSocket upgrade. */
async function upgradeStatus(path: string, headers: Record<string, string>): Promise<number> {
	const socket = new WebSocket(`${fleet.coordinator.url.replace("http", "ws")}${path}`, { headers });
	socket.on("error", () => {});
	const [, response] = await once(socket, "unexpected-response");
	response.resume();
	socket.terminate();
	return response.statusCode;
}

describe("every endpoint", () => {
	it("is in the document, operations and all", () => {
		expect(endpoints.length).toBeGreaterThan(Object.keys(operations).length + 8);
		for (const [name, { method, path }] of Object.entries(operations)) {
			const filled = path.replace(/\{(\w+)\}/g, (_, parameter: string) => sample[parameter] ?? "x");
			expect(endpoints, name).toContainEqual({ method, path: filled, open: false });
		}
	});

	it("refuses a foreign Host with 421, also with a good token", async () => {
		for (const { method, path } of endpoints) {
			const { status, json } = await fleet.call(method, path, { headers: { host: "evil.test" } });
			expect([status, json.code], `${method} ${path}`).toEqual([421, "misdirected"]);
		}
	});

	it("refuses a foreign page with 403, also with a good token", async () => {
		for (const { method, path } of endpoints) {
			for (const [name, value] of [
				["origin", "https://evil.test"],
				["sec-fetch-site", "cross-site"],
			] as const) {
				const { status, json } = await fleet.call(method, path, { headers: { [name]: value } });
				expect([status, json.code], `${method} ${path}`).toEqual([403, "forbidden"]);
			}
		}
	});

	it("answers a missing and any wrong token alike with 401, unless it is open", async () => {
		const wrong = [
			"",
			"x",
			encodeToken({ kind: "client", id: "admin", secret: "short" }),
			encodeToken({ kind: "client", id: "nobody", secret: createSecret() }),
		];
		const bodies = new Set<string>();
		for (const { method, path, open } of endpoints.filter(({ path }) => !/^\/git\/.*(info\/refs|-pack)$/.test(path))) {
			const { status, text } = await fleet.call(method, path, { token: "" });
			expect(status, `${method} ${path}`).toBe(open ? (path === "/" ? 404 : 200) : 401);
			if (!open) bodies.add(text);
		}
		for (const token of wrong) bodies.add((await fleet.call("GET", "/api/v1/status", { token })).text);
		expect([...bodies]).toHaveLength(1);
		expect(WireError.parse(JSON.parse([...bodies][0]!)).code).toBe("unauthenticated");
	});

	it("never has an answer that a page of another site could read or frame", async () => {
		const { headers } = await fleet.call("GET", "/api/v1/status");
		expect(headers["access-control-allow-origin"]).toBeUndefined();
		expect(headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
	});

	it("refuses upgrades by the same rules", async () => {
		const authorization = `Bearer ${fleet.adminToken}`;
		for (const path of ["/api/v1/socket", "/ws"]) {
			expect(await upgradeStatus(path, { authorization, host: "evil.test" }), path).toBe(421);
			expect(await upgradeStatus(path, { authorization, origin: "https://evil.test" }), path).toBe(403);
		}
		expect(await upgradeStatus("/api/v1/socket", {})).toBe(401);
		expect(await upgradeStatus("/nowhere", { authorization })).toBe(404);
	});
});

describe("bodies", () => {
	it("are JSON or refused, and nothing changes", async () => {
		const form = JSON.stringify({ submissions: [{ payload: { command: ["true"] } }] });
		const before = await taskCount();
		for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
			expect((await fleet.call("POST", "/api/v1/tasks", { text: form, headers: { "content-type": type } })).status).toBe(415);
		}
		expect((await fleet.call("POST", "/api/v1/tasks", { text: form })).status).toBe(415);
		expect(await taskCount()).toBe(before);
	});

	it("that are broken, empty or too large are named as such", async () => {
		const post = (text: string, headers = {}) =>
			fleet.call("POST", "/api/v1/tasks", { text, headers: { "content-type": "application/json", ...headers } });
		expect((await post("{")).json).toMatchObject({ code: "bad_request", message: "the body is no JSON" });
		expect((await post("")).json.message).toContain("submissions");
		expect((await post("[]")).status).toBe(400);
		expect((await post(" ".repeat(1024 * 1024 + 1))).json.code).toBe("too_large");
		expect((await post(" ".repeat(1024 * 1024 + 1), { "transfer-encoding": "chunked" })).json.code).toBe("too_large");
	});
});

describe("addresses", () => {
	it("that do not exist, and methods that are not theirs, are JSON errors too", async () => {
		expect((await fleet.call("GET", "/api/v1/nothing")).json.code).toBe("not_found");
		const { status, headers } = await fleet.call("DELETE", "/api/v1/status");
		expect([status, headers.allow]).toEqual([405, "GET"]);
		expect((await fleet.call("GET", "/api/v1/tasks/%ff")).json.code).toBe("bad_request");
	});

	it("are ours on both loopback addresses and on no other", async () => {
		for (const address of fleet.coordinator.addresses) {
			expect(address).toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/);
			const { status, json } = await send(`http://${address}`, "GET", "/api/v1/status", { token: fleet.adminToken });
			expect(status).toBe(200);
			expect(FleetStatus.parse(json).state).toBe("ready");
		}
	});
});
