import type { CoveyError } from "@covey/protocol";
import { describe, expect, it } from "vitest";
import { authLimits } from "#coordinator/limits.ts";
import type { TokenRecord } from "#core/token.ts";
import { createSecret, encodeToken, hashSecret } from "#host/token/token.ts";
import { Authenticator, isSecret } from "./authenticator.ts";

const adminSecret = createSecret();
const secret = createSecret();
const record: TokenRecord = {
	id: "abc123",
	kind: "client",
	secretHash: hashSecret(secret),
	roles: ["submit"],
	namespaces: ["web"],
	label: "laptop",
	createdAt: 0,
	createdBy: "admin",
	tags: {},
	revoked: false,
};

function door(found: Partial<TokenRecord> = {}) {
	let now = 1000;
	const authenticator = new Authenticator({
		adminSecretHash: hashSecret(adminSecret),
		sessions: { verify: (token) => (token === "session-token" ? { worker: "w1", session: "s1", namespaces: [] } : undefined) },
		now: () => now,
		find: async (id) => (id === record.id ? { ...record, ...found } : undefined),
	});
	return {
		show: (token: string | undefined, address = "10.0.0.1") => authenticator.authenticate(token, address),
		refusal: async (token: string | undefined, address = "10.0.0.1") =>
			authenticator.authenticate(token, address).then(
				() => undefined,
				(error: unknown) => error as CoveyError,
			),
		pass: (ms: number) => (now += ms),
	};
}

const client = encodeToken({ kind: "client", id: record.id, secret });

describe("authentication", () => {
	it("knows the admin, clients and workers' sessions", async () => {
		const { show } = door();
		expect(await show(encodeToken({ kind: "client", id: "admin", secret: adminSecret }))).toMatchObject({
			name: "admin",
			roles: ["admin"],
		});
		expect(await show(client)).toMatchObject({ name: "laptop", roles: ["submit"], namespaces: ["web"] });
		expect(await show("session-token")).toMatchObject({ name: "worker:w1", roles: ["worker"], session: { worker: "w1", session: "s1" } });
	});

	const wrong: readonly (readonly [string, string, Partial<TokenRecord>?])[] = [
		["no token of ours", "hunter2"],
		["a wrong check", `${client}x`],
		["an unknown id", encodeToken({ kind: "client", id: "nobody", secret })],
		["a wrong secret", encodeToken({ kind: "client", id: record.id, secret: createSecret() })],
		["a secret of another length", encodeToken({ kind: "client", id: record.id, secret: "a" })],
		["a wrong admin secret", encodeToken({ kind: "client", id: "admin", secret: "a" })],
		["a join token", encodeToken({ kind: "join", fingerprint: "f", id: record.id, secret })],
		["a join record", client, { kind: "join" }],
	];
	it("refuses everything else with one and the same answer", async () => {
		const answers = await Promise.all(wrong.map(async ([, token, found]) => (await door(found).refusal(token))?.toWire()));
		const none = (await door().refusal(undefined))?.toWire();
		expect(none?.code).toBe("unauthenticated");
		for (const [index, answer] of answers.entries()) expect(answer, wrong[index]![0]).toEqual(none);
	});

	it("tells the holder of a token that was good once what became of it", async () => {
		expect((await door({ revoked: true }).refusal(client))?.toWire()).toMatchObject({
			code: "unauthenticated",
			message: `the token ${record.id} was revoked`,
		});
		expect((await door({ expiresAt: 1000 }).refusal(client))?.message).toBe(`the token ${record.id} expired at 1970-01-01T00:00:01.000Z`);
		const wrong = encodeToken({ kind: "client", id: record.id, secret: createSecret() });
		expect((await door({ revoked: true }).refusal(wrong))?.message, "a guess learns nothing").toBe(
			(await door().refusal(undefined))?.message,
		);
	});

	it("slows down a source of wrong tokens, but never a right one, nor another source", async () => {
		const { refusal, show, pass } = door();
		for (let i = 0; i < authLimits.freeFailures; i++) expect((await refusal("wrong"))?.code).toBe("unauthenticated");
		const slowed = await refusal("wrong");
		expect(slowed?.code).toBe("too_many");
		expect(slowed?.retryAfterMs).toBe(authLimits.firstWaitMs);
		expect((await refusal("wrong", "10.0.0.2"))?.code).toBe("unauthenticated");
		pass(authLimits.firstWaitMs);
		expect((await refusal("wrong"))?.code).toBe("unauthenticated");
		expect((await refusal("wrong"))?.retryAfterMs).toBe(2 * authLimits.firstWaitMs);
		expect(await show(client)).toMatchObject({ name: "laptop" });
		expect((await refusal("wrong"))?.code).toBe("unauthenticated");
	});

	it("does not slow down whoever shows nothing", async () => {
		const { refusal } = door();
		for (let i = 0; i < 3 * authLimits.freeFailures; i++) expect((await refusal(undefined))?.code).toBe("unauthenticated");
	});

	it("compares secrets of any length with any hash", () => {
		expect(isSecret(secret, hashSecret(secret))).toBe(true);
		expect(isSecret(secret, "")).toBe(false);
		expect(isSecret("", hashSecret(secret))).toBe(false);
	});
});
