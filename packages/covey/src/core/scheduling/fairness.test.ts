import { expect, test } from "vitest";
import { charge, FairShares, startTag } from "./fairness.ts";

test("slots are charged only while somebody else wants them", () => {
	const shares = new FairShares();
	const server = { virtualTime: 0 };
	const ann = shares.enter("ann");
	charge(ann, server, 4, false);
	expect(ann.virtualTime).toBe(0);
	charge(ann, server, 4, true);
	expect(ann.virtualTime).toBe(4);
	expect(server.virtualTime).toBe(0);
});

test("who was away starts where the server is, without arrears", () => {
	const server = { virtualTime: 100 };
	const ben = new FairShares().enter("ben");
	expect(startTag(ben, server)).toBe(100);
	charge(ben, server, 1, true);
	expect(ben.virtualTime).toBe(101);
});

test("submitters that have nothing waiting are forgotten, the longest idle first", () => {
	const shares = new FairShares();
	const keeper = shares.enter("keeper");
	for (let at = 0; at < 5000; at++) shares.leave(shares.enter(`passer-by ${at}`));
	expect(shares.size).toBe(4097);
	expect(shares.enter("keeper")).toBe(keeper);
	shares.leave(keeper);
	expect(keeper.waiting).toBe(1);
});
