import { createHash, randomBytes } from "node:crypto";
import { CoveyError } from "@covey/protocol";

/**
 * Written tokens, as `@covey/protocol/tokens` defines their forms. Neither function ever puts a secret into an error.
 */
export type Token =
	| { readonly kind: "client"; readonly id: string; readonly secret: string }
	| { readonly kind: "join"; readonly fingerprint: string; readonly id: string; readonly secret: string };

export type JoinToken = Extract<Token, { kind: "join" }>;

/** `id` and `fingerprint` hold no dots; `secret` comes from `createSecret`. */
export function encodeToken(token: Token): string {
	const parts = token.kind === "client" ? ["cvt_1", token.id, token.secret] : ["cvjt_1", token.fingerprint, token.id, token.secret];
	const text = parts.join(".");
	return `${text}.${checkOf(text)}`;
}

/** Surrounding white space is forgiven. @throws CoveyError `unauthenticated` that says what is wrong, but never the text itself. */
export function parseToken(text: string): Token {
	const trimmed = text.trim();
	const parts = trimmed.split(".");
	const [form] = parts;
	if (form !== "cvt_1" && form !== "cvjt_1") throw refused("it begins with neither cvt_1. nor cvjt_1.");
	if (parts.length !== (form === "cvt_1" ? 4 : 5) || parts.some((part) => !/^[\w-]{1,128}$/.test(part))) throw refused("a part is missing");
	if (checkOf(trimmed.slice(0, trimmed.lastIndexOf("."))) !== parts.at(-1)) throw refused("its check does not fit: a character was lost");
	const [, first, second, third] = parts as [string, string, string, string];
	return form === "cvt_1" ? { kind: "client", id: first, secret: second } : { kind: "join", fingerprint: first, id: second, secret: third };
}

/** A new secret of 256 bits, base64url. */
export function createSecret(): string {
	return randomBytes(32).toString("base64url");
}

/** What is stored of a secret: SHA-256, hex. */
export function hashSecret(secret: string): string {
	return createHash("sha256").update(secret).digest("hex");
}

/** How a public key (SPKI DER) is named in join tokens and pins: base64url SHA-256, first 32 characters (192 bits). */
export function fingerprintOf(publicKey: Uint8Array): string {
	return createHash("sha256").update(publicKey).digest("base64url").slice(0, 32);
}

function refused(why: string): CoveyError {
	return new CoveyError("unauthenticated", `this is not a token of Covey: ${why}`, {
		hint: "copy it whole, as `covey token create` printed it",
	});
}

function checkOf(text: string): string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
	const digest = createHash("sha256").update(text).digest();
	const bits = digest.readUInt32BE(0);
	return Array.from({ length: 6 }, (_, i) => alphabet[(bits >>> (27 - 5 * i)) & 31]).join("");
}
