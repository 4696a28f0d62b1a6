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
				return { removed: 0, bytes: 0 };
			},
		},
		history: {
			async trim({ rowsMax, ageMaxMs }) {
				rounds.push(`history to ${rowsMax} of ${ageMaxMs / 86_400_000} days`);
				if (rounds.length >= 7) thrice.resolve();
				return 1;
			},
		},
		artifactBytesMax: 7,
		clock: { ...systemClock, sleep: (_, signal) => systemClock.sleep(1, signal) },
		logger: silentLogger,
	});
	await thrice.promise;
	await housekeeping[Symbol.asyncDispose]();
	const round = ["snapshots", "artifacts to 7", "history to 5000000 of 365 days"];
	expect(rounds.slice(0, 7)).toEqual(["snapshots", ...round, ...round]);
});
