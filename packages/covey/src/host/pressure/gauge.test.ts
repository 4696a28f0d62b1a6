import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pressure } from "@covey/protocol";
import { expect, test } from "vitest";
import { createPressureGauge } from "./gauge.ts";
import { type PressureReading, readPressure } from "./reading.ts";

const calm: PressureReading = { cpu: 0, io: 0, memory: 0, load: 0, available: 1 };

test.each<[string, Partial<PressureReading>, Partial<PressureReading>, Partial<PressureReading>]>([
	["load per core", { load: 4 }, { load: 3.5 }, { load: 2.9 }],
	["disk", { io: 0.6595 }, { io: 0.3 }, { io: 0.1 }],
	["memory stalls", { memory: 0.1 }, { memory: 0.07 }, { memory: 0.04 }],
	["available memory", { available: 0.05 }, { available: 0.08 }, { available: 0.11 }],
])("pressure of %s closes the door, and it opens only well below that", (_name, closing, between, opening) => {
	let reading = calm;
	const gauge = createPressureGauge(() => reading);
	const admits = (change: Partial<PressureReading>) => {
		reading = { ...calm, ...change };
		return gauge.sample().admits;
	};
	expect(admits(between)).toBe(true);
	expect(admits(closing)).toBe(false);
	expect(admits(between)).toBe(false);
	expect(admits(opening)).toBe(true);
	expect(admits(between)).toBe(true);
});

test("busy cores alone do not close the door", () => {
	expect(createPressureGauge(() => ({ ...calm, cpu: 1, load: 2 })).sample().admits).toBe(true);
});

test("shares come from the kernel's ten-second averages", async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-psi-"));
	const line = (kind: string, share: number) => `${kind} avg10=${share} avg60=99.00 avg300=99.00 total=1\n`;
	await writeFile(join(directory, "cpu"), line("some", 12.5) + line("full", 0));
	await writeFile(join(directory, "io"), line("some", 80) + line("full", 65.95));
	await writeFile(join(directory, "memory"), line("some", 3) + line("full", 100));
	expect(readPressure(directory)).toMatchObject({ cpu: 0.125, io: 0.6595, memory: 1 });
	await rm(directory, { recursive: true });
});

test("without the kernel's averages the load per core stands in for the cpu", () => {
	const reading = readPressure("/nonexistent");
	expect(reading).toMatchObject({ cpu: Math.min(1, reading.load), io: 0, memory: 0 });
	expect(Pressure.parse(createPressureGauge().sample())).toHaveProperty("admits");
});
