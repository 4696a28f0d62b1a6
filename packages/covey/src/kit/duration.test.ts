import { expect, test } from "vitest";
import { exactDuration, formatDuration, parseDuration } from "./duration.ts";

test("durations are read with their units and refused without", () => {
	expect(["250ms", "90s", "5m", "1h30m", "2d", "1.5s"].map(parseDuration)).toEqual([250, 90_000, 300_000, 5_400_000, 172_800_000, 1500]);
	for (const bad of ["", "5", "5x", "m5", "-5s", "5 s"]) expect(parseDuration(bad)).toBeUndefined();
});

test("durations are written in the two units that matter", () => {
	expect([0, 85.4, 1400, 725_000, 12_000_000, 367_200_000].map(formatDuration)).toEqual([
		"0 ms",
		"85 ms",
		"1.4 s",
		"12 m 05 s",
		"3 h 20 m",
		"4 d 6 h",
	]);
});

test("an exact duration is short, and reads back as itself", () => {
	const cases = [0, 250, 30_000, 90_000, 5_400_000, 2_592_000_000, 93_784_005];
	expect(cases.map(exactDuration)).toEqual(["0s", "250ms", "30s", "1m30s", "1h30m", "30d", "1d2h3m4s5ms"]);
	expect(cases.map((ms) => parseDuration(exactDuration(ms)))).toEqual(cases);
});
