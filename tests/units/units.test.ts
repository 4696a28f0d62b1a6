import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBuildAgentConfig } from "#compose/build-agent-config.ts";
import { parseDuration } from "#kit/duration.ts";
import { root } from "../architecture/sources.ts";
import { analyzeUnit, noSystemdAnalyze, parseUnit } from "../kit/unit-file.ts";

const unit = (name: string) => parseUnit(readFileSync(join(root, "packages/covey/units", name), "utf8"));
const value = (name: string, key: string) => unit(name).find(([, found]) => found === key)?.[2];
/** systemd writes minutes as `min`. */
const milliseconds = (text = "") => parseDuration(text.replace("min", "m")) ?? Number.NaN;

/** Of 10, as `systemd-analyze security` of systemd 252 counts; a service without any of it has 9.6. */
const exposureMax = { "covey-coordinator.service": 3, "covey-worker.service": 3.5 };

describe.each(Object.entries(exposureMax))("%s", (name, most) => {
	it.skipIf(noSystemdAnalyze)("is understood by systemd, and exposes little [needs systemd-analyze]", () => {
		const { complaints, exposure } = analyzeUnit(name, unit(name));
		expect(complaints).toBe("");
		expect(exposure).toBeLessThanOrEqual(most);
	});

	it("does not forbid what V8 does, and lets systemd-notify speak for it", () => {
		expect(value(name, "MemoryDenyWriteExecute")).toBeUndefined();
		expect([value(name, "Type"), value(name, "NotifyAccess")]).toEqual(["notify", "all"]);
	});
});

it.skipIf(noSystemdAnalyze)("a mistake in a unit is seen, so that the tests can fail [needs systemd-analyze]", () => {
	const { complaints, exposure } = analyzeUnit("broken.service", [
		["Service", "ExecStart", "/bin/true"],
		["Service", "SystemCallFilter", "@no-such-group"],
		["Service", "Retsart", "always"],
	]);
	expect(complaints).toContain("@no-such-group");
	expect(complaints).toContain("Retsart");
	expect(exposure).toBeGreaterThan(7);
});

it("the coordinator's jobs have drained, and have been ended, before systemd kills", () => {
	const drain = /--drain-timeout (\S+)/.exec(value("covey-coordinator.service", "ExecStart")!)?.[1];
	expect(milliseconds(value("covey-coordinator.service", "TimeoutStopSec"))).toBeGreaterThanOrEqual(parseDuration(drain!)! + 60_000);
});

it("the worker's jobs have drained, and have been ended, before systemd kills", async () => {
	const config = join(root, "docs/build-agent.example.toml");
	const { drainTimeout } = await readBuildAgentConfig(config, { CREDENTIALS_DIRECTORY: "/run/credentials" });
	expect(milliseconds(value("covey-worker.service", "TimeoutStopSec"))).toBeGreaterThanOrEqual(drainTimeout + 60_000);
	expect(value("covey-worker.service", "LoadCredential")).toBe("join-token:/etc/build-agent/join-token");
});
