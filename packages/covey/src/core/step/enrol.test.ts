import { expect, test } from "vitest";
import { admin, Scene } from "#core/fleet.fixture.ts";

test("a join token is burnt in the same moment, and its limits become the worker's", () => {
	const scene = new Scene();
	scene.token("j", { usesLeft: 1, namespaces: ["ci"], tags: { zone: "a" } });
	scene.changes();
	expect(scene.enrol("box", {}, "j")).toEqual({ ok: true, id: "box" });
	expect(scene.worker("box").record).toMatchObject({ namespaces: ["ci"], tags: { zone: "a" } });
	expect(scene.changes()).toEqual([
		{ kind: "meta", id: "fleet", value: { order: 2 } },
		{ kind: "worker", id: "box", value: expect.objectContaining({ name: "box" }) },
		{ kind: "token", id: "j", value: expect.objectContaining({ usesLeft: 0 }) },
		{ kind: "audit", id: "2", value: expect.objectContaining({ action: "worker.enrol", detail: "with the token j" }) },
	]);
	expect(scene.enrol("other", {}, "j")).toMatchObject({ error: { code: "unauthenticated" } });
	expect(scene.enrol("box", {}, "j")).toEqual({ ok: true, id: "box" });
	expect(scene.changes()).toEqual([]);
});

test("a worker that joins again with a good token gets what that token grants", () => {
	const scene = new Scene();
	scene.enrol("box");
	scene.connect("box");
	scene.ask({ type: "worker.drain", actor: admin, worker: "box", draining: true });
	scene.token("j", { usesLeft: 2, tags: { zone: "b" } });
	scene.enrol("box", {}, "j");
	expect(scene.worker("box").record).toMatchObject({ tags: { zone: "b" }, draining: true });
	expect(scene.fleet.tokens.get("j")?.usesLeft).toBe(1);
	expect(scene.enrol("box")).toMatchObject({ ok: true });
});

test("a token that is unknown, expired, used up, revoked or for something else opens nothing", () => {
	const scene = new Scene();
	scene.token("expired", { expiresAt: scene.now });
	scene.token("used", { usesLeft: 0 });
	scene.token("revoked");
	scene.ask({ type: "token.revoke", actor: admin, id: "revoked" });
	scene.token("client", { kind: "client", roles: ["submit"] });
	scene.token("named", { name: "big-box" });
	for (const id of ["none", "expired", "used", "revoked", "client"]) {
		expect(scene.enrol("box", {}, id)).toMatchObject({
			error: { code: "unauthenticated", message: "the token is unknown, expired, used up or revoked" },
		});
	}
	expect(scene.enrol("box", {}, "named")).toMatchObject({
		error: { code: "forbidden", message: "the token is for the name big-box, not box" },
	});
	expect(scene.enrol("big-box", {}, "named")).toMatchObject({ ok: true });
	expect(scene.fleet.workers.size).toBe(1);
});

test("a worker token enrols a v1 worker as often as it connects", () => {
	const scene = new Scene();
	scene.token("w", { kind: "client", roles: ["worker"], expiresAt: scene.now + 1 });
	const identity = { kind: "token", tokenId: "w" } as const;
	expect(scene.enrol("old", { identity }, "w")).toMatchObject({ ok: true });
	expect(scene.enrol("old", { identity }, "w")).toMatchObject({ ok: true });
	expect(scene.enrol("old", { identity: { kind: "token", tokenId: "x" } })).toMatchObject({ error: { code: "name_in_use" } });
	expect(scene.enrol("old", { identity: { kind: "embedded" } })).toMatchObject({ error: { code: "name_in_use" } });
});

test("a name belongs to one key, until its worker is revoked", () => {
	const scene = new Scene();
	scene.enrol("box");
	scene.enrol("here", { identity: { kind: "embedded" } });
	expect(scene.enrol("here", { identity: { kind: "embedded" } })).toMatchObject({ ok: true });
	const thief = { identity: { kind: "key", publicKey: "another" } } as const;
	expect(scene.enrol("box", thief)).toMatchObject({
		error: { code: "name_in_use", hint: expect.stringContaining("covey worker revoke box") },
	});
	scene.ask({ type: "worker.revoke", actor: admin, worker: "box" });
	expect(scene.enrol("box")).toMatchObject({ error: { code: "forbidden", message: "worker box is revoked" } });
	expect(scene.enrol("box", thief)).toMatchObject({ ok: true });
	expect(scene.worker("box").record.revoked).toBe(false);
	expect(scene.enrol("box")).toMatchObject({ error: { code: "name_in_use" } });
});

test("a fleet has a limited number of workers and of tokens", () => {
	const scene = new Scene({ workersMax: 1, tokensMax: 1 });
	scene.enrol("one");
	expect(scene.enrol("two")).toMatchObject({ error: { code: "too_many" } });
	scene.token("a", { kind: "client", label: "laptop" });
	expect(scene.token("a")).toMatchObject({ error: { code: "conflict" } });
	expect(scene.token("b")).toMatchObject({ error: { code: "too_many" } });
	expect(scene.ask({ type: "token.revoke", actor: admin, id: "b" })).toMatchObject({ error: { code: "not_found" } });
	expect(scene.ask({ type: "token.revoke", actor: admin, id: "a" })).toEqual({ ok: true, id: "a" });
	scene.changes();
	expect(scene.ask({ type: "token.revoke", actor: admin, id: "a" })).toEqual({ ok: true, id: "a" });
	expect(scene.changes()).toEqual([]);
});
