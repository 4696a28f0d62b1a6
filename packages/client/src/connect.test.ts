import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { connect } from "./connect.ts";
import { startCoordinator } from "./coordinator.fixture.ts";
import { dialNatively } from "./web-socket.ts";

test("calls in flight are answered in any order", async () => {
	const waiting: { id: number; reply: (output: object) => void }[] = [];
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (message.type !== "call") return;
			waiting.push({ id: message.id, reply: (output) => connection.send({ type: "result", id: message.id, output: output as never }) });
			if (waiting.length === 2) for (const { id, reply } of waiting.toReversed()) reply({ workers: [{ name: `answer ${id}` }] });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	const [first, second] = await Promise.all([fleet.call("worker.list", {}), fleet.call("worker.list", {})]);
	expect([first.workers[0]?.name, second.workers[0]?.name]).toEqual(["answer 1", "answer 2"]);
});

test("a refusal arrives as the coordinator's own error", async () => {
	await using coordinator = await startCoordinator({
		message: (message, connection) =>
			connection.send({ type: "error", id: message.id, error: { code: "not_found", message: "no such task", hint: "look again" } }),
	});
	await using fleet = await connect({ url: coordinator.url });
	await expect(fleet.call("worker.list", {})).rejects.toMatchObject({ code: "not_found", message: "no such task", hint: "look again" });
});

test("a browser's token travels as a subprotocol, never in the URL", async () => {
	let seen: string | undefined;
	let path: string | undefined;
	await using coordinator = await startCoordinator({
		message: (message, connection) => {
			seen = connection.request.headers["sec-websocket-protocol"];
			path = connection.request.url;
			connection.send({ type: "result", id: message.id, output: {} });
		},
	});
	await using fleet = await connect({ url: coordinator.url, token: "cvt_1.secret" });
	await fleet.call("worker.list", {});
	expect(seen?.split(/, */)).toEqual(["covey.1", "covey.token.cvt_1.secret"]);
	expect(path).toBe("/api/v1/socket");
});

test("a coordinator of another version is named with both versions", async () => {
	await using coordinator = await startCoordinator({
		welcome: { type: "welcome", protocol: [7, 9], version: "9.9.9", coordinator: "far" },
	});
	const refused = connect({ url: coordinator.url });
	await expect(refused).rejects.toMatchObject({ code: "version_mismatch", message: expect.stringContaining("9.9.9") });
});

test("nobody at the address is unavailable, and an address that is none is a bad request", async () => {
	await expect(connect({ url: "http://127.0.0.1:1" })).rejects.toMatchObject({ code: "unavailable" });
	await expect(connect({ url: "not an address" })).rejects.toMatchObject({ code: "bad_request" });
});

test("after a dropped link reads are asked again, and what may have been done is not", async () => {
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (connection.number === 1 && message.id === 2) connection.drop();
			else if (connection.number === 2) connection.send({ type: "result", id: message.id, output: { workers: [] } });
		},
	});
	const states: string[] = [];
	await using fleet = await connect({ url: coordinator.url, onLink: (state) => states.push(state) });
	const read = fleet.call("worker.list", {});
	const made = fleet.call("token.create", { kind: "join" });
	await expect(made).rejects.toMatchObject({ code: "unavailable", hint: expect.any(String) });
	await expect(read).resolves.toEqual({ workers: [] });
	expect(states).toEqual(["down", "up"]);
	expect(coordinator.received.filter((message) => message.type === "call" && message.operation === "token.create")).toHaveLength(1);
});

test("a link that is closed with a refusal is not dialled again", async () => {
	await using coordinator = await startCoordinator({ message: (_, connection) => connection.close(4403, "revoked") });
	await using fleet = await connect({ url: coordinator.url });
	await expect(fleet.call("worker.list", {})).rejects.toMatchObject({ code: "forbidden", message: "revoked" });
	await expect(fleet.call("worker.list", {})).rejects.toMatchObject({ code: "forbidden" });
	expect(coordinator.received).toHaveLength(1);
});

test("closing ends what waits, and an aborted signal closes", async () => {
	await using coordinator = await startCoordinator({});
	const abort = new AbortController();
	const fleet = await connect({ url: coordinator.url, signal: abort.signal });
	const waiting = fleet.call("worker.list", {});
	abort.abort();
	await expect(waiting).rejects.toMatchObject({ code: "unavailable" });
});

test("a fleet that is closed, or never came to be, leaves no listener on its signal", async () => {
	await using coordinator = await startCoordinator({});
	const { signal } = new AbortController();
	const fleet = await connect({ url: coordinator.url, signal });
	expect(getEventListeners(signal, "abort")).toHaveLength(1);
	fleet.close();
	expect(getEventListeners(signal, "abort")).toHaveLength(0);
	await expect(connect({ url: "http://127.0.0.1:1", signal })).rejects.toMatchObject({ code: "unavailable" });
	expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("a dialler that throws is a coordinator that cannot be reached, and is tried again", async () => {
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (connection.number === 1) connection.drop();
			else connection.send({ type: "result", id: message.id, output: { workers: [] } });
		},
	});
	let dialled = 0;
	const webSocket: typeof dialNatively = (...to) => {
		if (++dialled === 2) throw new TypeError("no socket today");
		return dialNatively(...to);
	};
	await using fleet = await connect({ url: coordinator.url, webSocket });
	await expect(fleet.call("worker.list", {})).resolves.toEqual({ workers: [] });
	expect(dialled).toBe(3);
});

test("a pack is uploaded with the token, and a refusal is read from the body", async () => {
	const uploads: { type: string | undefined; token: string | undefined; body: string }[] = [];
	await using coordinator = await startCoordinator({
		http(request, response) {
			const chunks: Buffer[] = [];
			request.on("data", (chunk: Buffer) => chunks.push(chunk));
			request.on("end", () => {
				uploads.push({
					type: request.headers["content-type"],
					token: request.headers.authorization,
					body: Buffer.concat(chunks).toString(),
				});
				if (request.url === "/full") response.writeHead(507).end(JSON.stringify({ code: "store_full", message: "the disk is full" }));
				else response.end("{}");
			});
		},
	});
	await using fleet = await connect({ url: coordinator.url, token: "cvt_1.secret" });
	async function* pack() {
		yield Buffer.from("PA");
		yield Buffer.from("CK");
	}
	await fleet.uploadPack("/packs/1", pack());
	expect(uploads).toEqual([{ type: "application/x-git-packed-objects", token: "Bearer cvt_1.secret", body: "PACK" }]);
	await expect(fleet.uploadPack("/full", pack())).rejects.toMatchObject({ code: "store_full", message: "the disk is full" });
});
