import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { loadCoordinatorIdentity } from "./identity.ts";
import { isSignedBy } from "./proof.ts";
import { createSessionTokens } from "./session-tokens.ts";

async function stateDirectory(): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "covey-identity-"));
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	return directory;
}

test("The key is made once, for its owner only, and signs what nobody else can", async () => {
	const directory = await stateDirectory();
	const first = await loadCoordinatorIdentity(directory, "hub");
	const again = await loadCoordinatorIdentity(directory, "hub");
	expect(again.publicKey).toBe(first.publicKey);
	expect(again.fingerprint).toMatch(/^[\w-]{32}$/);
	expect((await stat(join(directory, "coordinator.key"))).mode & 0o777).toBe(0o600);
	const signature = first.sign("text");
	expect(isSignedBy(again.publicKey, "text", signature)).toBe(true);
	expect(isSignedBy(again.publicKey, "texts", signature)).toBe(false);
	const other = await loadCoordinatorIdentity(await stateDirectory(), "hub");
	expect(isSignedBy(other.publicKey, "text", signature)).toBe(false);
	expect(isSignedBy("not a key", "text", signature)).toBe(false);
});

test("A key that others may read, or that is none, is refused, and its content is not told", async () => {
	const directory = await stateDirectory();
	await loadCoordinatorIdentity(directory, "hub");
	const path = join(directory, "coordinator.key");
	await chmod(path, 0o644);
	await expect(loadCoordinatorIdentity(directory, "hub")).rejects.toMatchObject({ code: "forbidden" });
	await writeFile(path, "almost-a-secret");
	await chmod(path, 0o600);
	const error = await loadCoordinatorIdentity(directory, "hub").catch((cause: Error) => cause);
	expect(error).toMatchObject({ code: "bad_request", message: expect.not.stringContaining("almost-a-secret") });
});

test("A session's token works until it expires or is revoked", () => {
	let now = 0;
	const tokens = createSessionTokens(() => now);
	const bearer = { worker: "w1", session: "s1", namespaces: [] };
	const first = tokens.issue(bearer, 1000);
	const second = tokens.issue(bearer, 2000);
	expect(tokens.verify(first)).toEqual(bearer);
	expect(tokens.verify(`${first}x`)).toBeUndefined();
	now = 1000;
	expect(tokens.verify(first)).toBeUndefined();
	expect(tokens.verify(second)).toEqual(bearer);
	tokens.revoke(second);
	expect(tokens.verify(second)).toBeUndefined();
});
