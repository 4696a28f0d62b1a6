import type { ServerContext } from "@modelcontextprotocol/server";
import { expect, test } from "vitest";
import { CallsUnderWay } from "./calls.ts";

const request = (id: number) => ({ id, signal: new AbortController().signal }) as ServerContext["mcpReq"];

test("a call that is given up ends, and no other", () => {
	const calls = new CallsUnderWay();
	using given = calls.enter(request(1));
	using other = calls.enter(request(2));
	calls.giveUp(1);
	calls.giveUp(undefined);
	expect([given.signal.aborted, other.signal.aborted]).toEqual([true, false]);
});

test("of two clients that use the same id nobody is ended, until one is left", () => {
	const calls = new CallsUnderWay();
	using one = calls.enter(request(1));
	{
		using two = calls.enter(request(1));
		calls.giveUp(1);
		expect([one.signal.aborted, two.signal.aborted]).toEqual([false, false]);
	}
	calls.giveUp(1);
	expect(one.signal.aborted).toBe(true);
});

test("a call that has ended is not given up any more", () => {
	const calls = new CallsUnderWay();
	const ended = calls.enter(request(1));
	ended[Symbol.dispose]();
	calls.giveUp(1);
	expect(ended.signal.aborted).toBe(false);
});

test("a notice that overtakes its call ends it when it comes; one that comes too late ends no later call of that id", () => {
	const clock = { now: 0 };
	const calls = new CallsUnderWay(() => clock.now);
	calls.giveUp(1);
	clock.now += 500;
	using overtaken = calls.enter(request(1));
	expect(overtaken.signal.aborted).toBe(true);
	const ended = calls.enter(request(2));
	ended[Symbol.dispose]();
	calls.giveUp(2);
	using later = calls.enter(request(2));
	expect(later.signal.aborted).toBe(false);
	calls.giveUp(3);
	clock.now += 60_000;
	using muchLater = calls.enter(request(3));
	expect(muchLater.signal.aborted).toBe(false);
});
