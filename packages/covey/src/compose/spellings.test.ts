import { expect, test } from "vitest";
import { Settings } from "./settings.ts";
import { respell, spellings } from "./spellings.ts";

const layerOf = (text: string, values: object) => ({ origin: "/etc/covey/config.toml", text, values: values as Record<string, unknown> });
const respelled = (text: string, values: object) => respell(layerOf(text, values), Settings.parse(values));

test("every word of the build pool is a setting, and so is what it means", () => {
	const known = (key: string) => Settings.safeParse(key.split(".").reduceRight<unknown>((value, part) => ({ [part]: value }), Symbol()));
	for (const key of spellings.flatMap((spelling) => [spelling.key, spelling.means])) {
		const { error } = known(key);
		expect(error?.issues[0]?.code, key).not.toBe("unrecognized_keys");
	}
});

test("what the build pool says stands where it counts", () => {
	const { values, spelled } = respelled("", {
		build_pool: { timeouts: { lease: "2m", environment: 5000 }, local_fallback: { slots: 3, enabled: true, after: "3s" } },
	});
	expect(values).toMatchObject({
		coordinator: { lease_ttl: 120_000, local_slots: 3 },
		worker: { environment_timeout: 5000 },
		client: { fallback: { afterMs: 3000 } },
	});
	expect(spelled.get("coordinator.lease_ttl")).toBe("build_pool.timeouts.lease");
	expect(respelled("", { build_pool: { local_fallback: { enabled: false } } }).values).toMatchObject({ coordinator: { local_slots: 0 } });
});

test("two words for one thing may say the same, and not two things", () => {
	const text = '[coordinator]\nlease_ttl = "90s"\n[build_pool.timeouts]\nlease = 90000\n';
	const same = { coordinator: { lease_ttl: "90s" }, build_pool: { timeouts: { lease: 90_000 } } };
	expect(respelled(text, same).values).toEqual(same);
	const other = { coordinator: { lease_ttl: "90s" }, build_pool: { timeouts: { lease: 91_000 } } };
	expect(() => respelled(text, other)).toThrow(
		"/etc/covey/config.toml:4:1: build_pool.timeouts.lease: says otherwise than coordinator.lease_ttl at /etc/covey/config.toml:2:1, and both are coordinator.lease_ttl",
	);
	const pool = "[build_pool.local_fallback]\nslots = 2\nenabled = false\n";
	expect(() => respelled(pool, { build_pool: { local_fallback: { slots: 2, enabled: false } } })).toThrow(
		/:3:1: build_pool\.local_fallback\.enabled: says otherwise than build_pool\.local_fallback\.slots at .*:2:1/,
	);
});
