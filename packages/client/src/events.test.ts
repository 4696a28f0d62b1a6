import type { FleetEvent } from "@covey/protocol";
import { expect, test } from "vitest";
import { connect } from "./connect.ts";
import { startCoordinator } from "./coordinator.fixture.ts";

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
