import { WorkerName } from "@covey/protocol/ids";
import { expect, test } from "vitest";
import { describeMachine, workerNameOf } from "./machine.ts";

test("a machine tells cores and memory that a process may really use", () => {
	const machine = describeMachine();
	expect(machine).toMatchObject({ os: process.platform, arch: process.arch });
	expect(machine.cores).toBeGreaterThanOrEqual(1);
	expect(machine.memoryBytes).toBeGreaterThan(2 ** 24);
	expect(machine.memoryBytes).toBeLessThan(2 ** 50);
	expect(WorkerName.parse(machine.name)).toBe(machine.name);
});

test.each([
	["Annas-MacBook-Pro.local", "annas-macbook-pro"],
	["build_01", "build_01"],
	["--odd--", "odd"],
	["Bücher", "b-cher"],
	["", "worker"],
	["-", "worker"],
	["x".repeat(80), "x".repeat(64)],
])("the host name %j becomes the worker name %j", (host, name) => {
	expect(workerNameOf(host)).toBe(name);
	expect(WorkerName.safeParse(name).success).toBe(true);
});
