import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { createHome, startCovey } from "#cli/covey.fixture.ts";

test("the configuration is shown as a file could hold it, with where each value comes from, and to programs in plain numbers", async () => {
	using home = createHome();
	const show = async (...words: string[]) =>
		String((await startCovey(["config", "show", ...words], { home, environment: { COVEY_COORDINATOR_PING_EVERY: "20000" } }).ended).stdout);
	for (const text of [await show(), await show("--origin")])
		expect(parse(text)).toMatchObject({
			coordinator: { ping_every: "20s", lease_ttl: "1m30s", log_bytes_max: "1G" },
			client: { fallback: "after:10s" },
		});
	expect(await show("--origin")).toMatch(/^coordinator\.ping_every += {1,2}"20s" +# COVEY_COORDINATOR_PING_EVERY$/m);
	const { schema, settings } = JSON.parse(await show("--origin", "--json"));
	expect(schema).toBe(1);
	expect(settings).toContainEqual({ key: "coordinator.ping_every", value: 20_000, unit: "ms", origin: "COVEY_COORDINATOR_PING_EVERY" });
	expect(settings).toContainEqual({ key: "coordinator.port", value: 8000, origin: "default" });
});
