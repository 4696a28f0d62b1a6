import { CoveyError } from "@covey/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createSecret, encodeToken, fingerprintOf, parseToken, type Token } from "./token.ts";

const client: Token = { kind: "client", id: "k1", secret: createSecret() };
const join: Token = { kind: "join", fingerprint: fingerprintOf(Buffer.from("key")), id: "k2", secret: createSecret() };

test.each([client, join])("a $kind token is read back as it was written, white space around it forgiven", (token) => {
	expect(parseToken(` ${encodeToken(token)}\n`)).toEqual(token);
});

test("a token with any one character changed is refused, and the error does not show it", () => {
	const text = encodeToken(join);
	fc.assert(
		fc.property(fc.nat(text.length - 1), fc.constantFrom(..."aZ3_."), (at, character) => {
			if (text[at] === character) return;
			try {
				parseToken(text.slice(0, at) + character + text.slice(at + 1));
				expect.unreachable("it was accepted");
			} catch (error) {
				expect(error).toBeInstanceOf(CoveyError);
				expect(String(error)).not.toContain(join.secret.slice(0, 8));
			}
		}),
	);
});

test("a fingerprint has 32 characters of base64url", () => {
	expect(fingerprintOf(Buffer.from("key"))).toMatch(/^[\w-]{32}$/);
});
