import { createPublicKey, randomBytes, verify } from "node:crypto";

/** 256 bits that nobody has seen before, base64url. */
export function createNonce(): string {
	return randomBytes(32).toString("base64url");
}

/** Did the owner of this Ed25519 key (SPKI DER, base64) sign `text`? False for anything that is no such key or signature. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
	try {
		const key = createPublicKey({ key: Buffer.from(publicKey, "base64"), format: "der", type: "spki" });
		return key.asymmetricKeyType === "ed25519" && verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"));
	} catch {
		return false;
	}
}
