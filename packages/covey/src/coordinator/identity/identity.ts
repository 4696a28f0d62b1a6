import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol";
import { readPrivateFile, writePrivateFile } from "#coordinator/auth/private-file.ts";
import { fingerprintOf } from "#host/token/token.ts";

/** Who this coordinator is to its workers: an Ed25519 key that never leaves the machine. */
export interface CoordinatorIdentity {
	/** What it is called; the machine's name. */
	readonly name: string;
	/** SPKI DER, base64. */
	readonly publicKey: string;
	/** Of the public key; what join tokens carry. */
	readonly fingerprint: string;
	/** Base64 signature over the UTF-8 of `text`. */
	sign(text: string): string;
}

/**
 * Reads `coordinator.key` (PKCS #8 PEM, 0600) in `stateDirectory`, which one coordinator owns, or makes it once.
 * @throws CoveyError `forbidden` when others may read it, `bad_request` when it is no Ed25519 key.
 */
export async function loadCoordinatorIdentity(stateDirectory: string, name: string): Promise<CoordinatorIdentity> {
	await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
	const path = join(stateDirectory, "coordinator.key");
	const text = await readPrivateFile(path);
	const key = text === undefined ? await createKey(path) : parseKey(text, path);
	const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
	return {
		name,
		publicKey: publicKey.toString("base64"),
		fingerprint: fingerprintOf(publicKey),
		sign: (message) => sign(null, Buffer.from(message), key).toString("base64"),
	};
}

async function createKey(path: string): Promise<KeyObject> {
	const { privateKey } = generateKeyPairSync("ed25519");
	await writePrivateFile(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
	return privateKey;
}

function parseKey(text: string, path: string): KeyObject {
	try {
		const key = createPrivateKey(text);
		if (key.asymmetricKeyType === "ed25519") return key;
	} catch {
		// Not told on: what a key parser complains about may be key material.
	}
	throw new CoveyError("bad_request", `${path} is not an Ed25519 private key`, {
		hint: "restore it from a backup; without it every worker has to join again",
	});
}
