import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { planInstallation } from "./install.ts";

const scratch = mkdtempSync(join(tmpdir(), "covey-install-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let home: string;
beforeEach(() => {
	home = mkdtempSync(join(scratch, "home-"));
	vi.stubEnv("HOME", home);
});

test("what a client wrote after the change was shown is not written over", async () => {
	const plan = await planInstallation({ client: "claude", remove: false });
	writeFileSync(plan.file, '{"theme":"dark"}');
	await expect(plan.write()).rejects.toMatchObject({ code: "conflict" });
	expect(readFileSync(plan.file, "utf8")).toBe('{"theme":"dark"}');
});

test("a configuration that is kept elsewhere stays a link to there", async () => {
	const { file } = await planInstallation({ client: "claude", remove: false });
	const kept = join(home, "kept.json");
	writeFileSync(kept, '{"theme":"dark"}');
	symlinkSync(kept, file);
	await (await planInstallation({ client: "claude", remove: false })).write();
	expect(lstatSync(file).isSymbolicLink()).toBe(true);
	expect(JSON.parse(readFileSync(kept, "utf8"))).toMatchObject({ theme: "dark", mcpServers: { covey: {} } });
});
