import { expect, it } from "vitest";
import { systemClock } from "#kit/clock.ts";
import { silentLogger } from "#kit/logger.ts";
import { Housekeeping } from "./housekeeping.ts";

it("makes room again and again, whatever one round meets, until it is stopped", async () => {
	const rounds: string[] = [];
	const thrice = Promise.withResolvers<void>();
	const housekeeping = new Housekeeping({
		snapshots: {
			async maintain() {
				rounds.push("snapshots");
				if (rounds.length === 1) throw new Error("the disk is busy");
				return { dropped: 1 };
			},
		},
		blobs: {
			async trim({ bytesMax }) {
				rounds.push(`artifacts to ${bytesMax}`);
				if (rounds.length >= 5) thrice.resolve();
				return { removed: 0, bytes: 0 };
			},
		},
		artifactBytesMax: 7,
		clock: { ...systemClock, sleep: (_, signal) => systemClock.sleep(1, signal) },
		logger: silentLogger,
	});
	await thrice.promise;
	await housekeeping[Symbol.asyncDispose]();
	expect(rounds.slice(0, 5)).toEqual(["snapshots", "snapshots", "artifacts to 7", "snapshots", "artifacts to 7"]);
});
