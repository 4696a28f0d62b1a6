import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol";
import { expect, onTestFinished, test } from "vitest";
import { version } from "#kit/version.ts";
import type { Surroundings } from "./check.ts";
import { examine } from "./examine.ts";

const status = { version, coordinator: "home", url: "http://h", state: "ready", workers: { connected: 1, disconnected: 0, draining: 0 } };

function surroundings(changes: Partial<Surroundings> = {}): Surroundings {
	const root = mkdtempSync(join(tmpdir(), "covey-doctor-"));
	onTestFinished(() => rmSync(root, { recursive: true, force: true }));
	const coordinator = join(root, "state", "coordinator");
	mkdirSync(coordinator, { recursive: true });
	chmodSync(join(root, "state"), 0o700);
	const adminTokenFile = join(coordinator, "admin.token");
	writeFileSync(adminTokenFile, "x", { mode: 0o600 });
	const paths = {
		config: root,
		state: join(root, "state"),
		cache: root,
		configFile: join(root, "config.toml"),
		coordinator,
		adminTokenFile,
	};
	return { paths, coordinator: async () => status as never, clockSkewMs: async () => 120, ...changes };
}

const verdicts = async (options: Surroundings) => Object.fromEntries((await examine(options)).map(({ id, status }) => [id, status]));

test("a healthy home has no failure", async () => {
	const found = await verdicts(surroundings());
	expect(Object.values(found)).not.toContain("fail");
	expect(found).toMatchObject({ "system.git": "ok", "files.admin-token": "ok", "files.config": "skip", "coordinator.version": "ok" });
});

test("a token that others can read fails, with the command that mends it", async () => {
	const here = surroundings();
	chmodSync(here.paths.adminTokenFile, 0o644);
	const [finding] = await examine({ ...here, only: "files.admin-token" });
	expect(finding).toMatchObject({ status: "fail", fix: `chmod 600 ${here.paths.adminTokenFile}` });
});

test("without a coordinator one check fails and those behind it are skipped", async () => {
	const coordinator = async () => Promise.reject(new CoveyError("unavailable", "nobody there", { hint: "covey up" }));
	const found = await verdicts(surroundings({ coordinator, clockSkewMs: coordinator }));
	expect(found).toMatchObject({ "coordinator.reachable": "fail", "coordinator.version": "skip", "coordinator.clock": "skip" });
});

test("another version, another clock and an empty fleet are warnings", async () => {
	const coordinator = async () => ({ ...status, version: "9.9.9", workers: { ...status.workers, connected: 0 } }) as never;
	const found = await verdicts(surroundings({ coordinator, clockSkewMs: async () => -60_000 }));
	expect(found).toMatchObject({ "coordinator.version": "warn", "coordinator.clock": "warn", "coordinator.workers": "warn" });
});

test("a check that does not exist is named, with those that do", async () => {
	await expect(examine({ ...surroundings(), only: "nonsense" })).rejects.toMatchObject({
		code: "not_found",
		hint: expect.stringContaining("system.git"),
	});
});
