import { CoveyError, type FleetEvent } from "@covey/protocol";
import { expect, test } from "vitest";
import { connect } from "./connect.ts";
import { startCoordinator } from "./coordinator.fixture.ts";
import { clientLimits } from "./limits.ts";

const event = (sequence: number, worker: string): FleetEvent => ({
	type: "worker",
	sequence,
	at: 0,
	worker,
	status: "connected",
	draining: false,
	revoked: false,
});

test("a drop between two events of one sequence loses neither and repeats neither", async () => {
	const all = [event(4, "a"), event(5, "b"), event(5, "c"), event(6, "d")];
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (message.type !== "events") return;
			const after = all.filter(({ sequence }) => sequence > (message.sequence ?? 0));
			for (const one of connection.number === 1 ? after.slice(0, 2) : after) connection.send({ type: "event", id: message.id, event: one });
			if (connection.number === 1) connection.drop();
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	const workers: string[] = [];
	for await (const one of fleet.events({ sequence: 3 })) {
		if (one.type === "worker") workers.push(one.worker);
		if (workers.length === 4) break;
	}
	expect(workers).toEqual(["a", "b", "c", "d"]);
});

test("a reader that falls behind holds a bounded number of events, and misses none", async () => {
	const count = 3 * clientLimits.eventsUnreadMax;
	const all = Array.from({ length: count }, (_, at) => event(1 + Math.floor(at / 2), `worker-${at}`));
	const subscribed: (number | undefined)[] = [];
	const overtaken = Promise.withResolvers<void>();
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (message.type === "close") overtaken.resolve();
			if (message.type !== "events") return;
			subscribed.push(message.sequence);
			for (const one of all) if (one.sequence > message.sequence!) connection.send({ type: "event", id: message.id, event: one });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	const workers: string[] = [];
	for await (const one of fleet.events({ sequence: 0 })) {
		// Nothing is taken until the client has had enough.
		await overtaken.promise;
		if (one.type === "worker") workers.push(one.worker);
		if (workers.length === count) break;
	}
	expect(workers).toEqual(all.map((one) => one.type === "worker" && one.worker));
	// One event was taken, perhaps, before the rest came.
	expect([clientLimits.eventsUnreadMax / 2 - 1, clientLimits.eventsUnreadMax / 2]).toContain(subscribed[1]);
});

test("a reader that fell behind what the coordinator keeps reads what it has, and is told", async () => {
	const all = Array.from({ length: clientLimits.eventsUnreadMax + 1 }, (_, at) => event(1 + at, `worker-${at}`));
	let subscriptions = 0;
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (message.type !== "events") return;
			const gone = new CoveyError("not_found", "events are no longer kept").toWire();
			if (++subscriptions > 1) connection.send({ type: "closed", id: message.id, error: gone });
			else for (const one of all) connection.send({ type: "event", id: message.id, event: one });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	const overtaken = new Promise<void>((resolve) => {
		const look = () => (coordinator.received.some(({ type }) => type === "close") ? resolve() : setImmediate(look));
		look();
	});
	let read = 0;
	const reading = (async () => {
		for await (const _ of fleet.events({ sequence: 0 })) {
			await overtaken;
			read++;
		}
	})();
	await expect(reading).rejects.toMatchObject({ code: "not_found" });
	expect(read).toBeGreaterThanOrEqual(clientLimits.eventsUnreadMax);
});
