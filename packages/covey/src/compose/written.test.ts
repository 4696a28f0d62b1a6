import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { Settings } from "./settings.ts";
import { unitOf, writtenValue } from "./written.ts";

test("durations and sizes are written with their units, and nothing else has one", () => {
	expect(["coordinator.lease_ttl", "coordinator.log_bytes_max", "worker.slots", "client.fallback"].map(unitOf)).toEqual([
		"ms",
		"bytes",
		undefined,
		undefined,
	]);
	expect(writtenValue("coordinator.ping_every", 30_000)).toBe('"30s"');
	expect(writtenValue("client.snapshot_file_bytes_max", 256 * 1024 ** 2)).toBe('"256M"');
	expect(writtenValue("client.snapshot_file_bytes_max", 1000)).toBe("1000");
	expect(writtenValue("client.fallback", { afterMs: 10_000 })).toBe('"after:10s"');
	expect(writtenValue("client.fallback", "never")).toBe('"never"');
	expect(writtenValue("worker.tags", {})).toBe("{}");
});

test("what is written is the configuration file of the same settings", () => {
	const settings = Settings.parse({
		client: { fallback: { afterMs: 1500 }, url: "http://big:8000", token_file: "/a b/ü" },
		coordinator: { lease_ttl: 93_784_005, log_bytes_max: 3 * 1024 ** 3, allowed_hosts: ["a", 'b"c'] },
		worker: { tags: { gpu: "yes", "a-b": 'quoted "so"' } },
		commands: { test: { command: ["make", "check"], environment: { A: "b" }, filter_argument: "T={}" } },
	});
	const lines = Object.entries(settings).flatMap(([section, fields]) =>
		Object.entries(fields)
			.filter(([, value]) => value !== undefined)
			.map(([field, value]) => `${section}.${field} = ${writtenValue(`${section}.${field}`, value)}`),
	);
	expect(Settings.parse(parse(lines.join("\n")))).toEqual(settings);
});
