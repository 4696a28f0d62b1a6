import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hashSecret, parseToken } from "#host/token/token.ts";
import { ensureAdminToken } from "./admin-token.ts";

async function directory() {
	const path = await mkdtemp(join(tmpdir(), "covey-admin-"));
	return { file: join(path, "admin.token"), [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

it("makes the admin token once, readable by its owner only", async () => {
	await using at = await directory();
	const hash = await ensureAdminToken(at.file);
	const token = parseToken(await readFile(at.file, "utf8"));
	expect(token).toMatchObject({ kind: "client", id: "admin" });
	expect(hashSecret(token.secret)).toBe(hash);
	expect((await stat(at.file)).mode & 0o777).toBe(0o600);
	expect(await ensureAdminToken(at.file)).toBe(hash);
});

it("refuses a file that others can read, and names the command that mends it", async () => {
	await using at = await directory();
	await ensureAdminToken(at.file);
	await chmod(at.file, 0o644);
	await expect(ensureAdminToken(at.file)).rejects.toMatchObject({
		code: "forbidden",
		message: expect.stringContaining("644"),
		hint: `chmod 600 ${at.file}`,
	});
});

it("refuses a file that holds something else, without showing it", async () => {
	await using at = await directory();
	await writeFile(at.file, "swordfish", { mode: 0o600 });
	const error = await ensureAdminToken(at.file).catch((refusal: Error) => refusal);
	expect(error).toMatchObject({ code: "bad_request" });
	expect(String(error)).not.toContain("swordfish");
});
