import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol";

/** Who this worker is: an Ed25519 key that never leaves the machine. */
export interface WorkerIdentity {
	/** SPKI DER, base64. */
	readonly publicKey: string;
	/** Base64 signature over the UTF-8 of `text`. */
	sign(text: string): string;
}

/**
 * Reads `worker.key` (PKCS #8 PEM) in `stateDirectory`, or makes it once, 0600.
 * @throws CoveyError `forbidden` when others may read it, `bad_request` when it is no Ed25519 key.
 */
export async function loadIdentity(stateDirectory: string): Promise<WorkerIdentity> {
	await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
	const path = join(stateDirectory, "worker.key");
	const key = (await createKey(path)) ?? (await readKey(path));
	return {
		publicKey: createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64"),
		sign: (text) => sign(null, Buffer.from(text), key).toString("base64"),
	};
}

/** Undefined when there is one already; two processes that start at once agree on the first. */
async function createKey(path: string): Promise<KeyObject | undefined> {
	const file = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
		if (error.code === "EEXIST") return undefined;
		throw error;
	});
	if (file === undefined) return undefined;
	try {
		const { privateKey } = generateKeyPairSync("ed25519");
		await file.writeFile(privateKey.export({ type: "pkcs8", format: "pem" }));
		await file.sync();
		return privateKey;
	} finally {
		await file.close();
	}
}

async function readKey(path: string): Promise<KeyObject> {
	const file = await open(path, "r");
	try {
		const { mode } = await file.stat();
		if ((mode & 0o077) !== 0) {
			throw new CoveyError("forbidden", `others may read the worker's key ${path} (mode ${(mode & 0o777).toString(8)})`, {
				hint: `chmod 600 ${path}`,
			});
		}
		const key = createPrivateKey(await file.readFile());
		if (key.asymmetricKeyType !== "ed25519") throw new Error(`its type is ${key.asymmetricKeyType}`);
		return key;
	} catch (error) {
		if (error instanceof CoveyError) throw error;
		// The cause stays out of it: what a key parser complains about may be key material.
		throw new CoveyError("bad_request", `${path} is not an Ed25519 private key`, { hint: "remove it and join again with a new token" });
	} finally {
		await file.close();
	}
}
