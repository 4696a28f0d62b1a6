import { createPublicKey, randomBytes, verify } from "node:crypto";
import { CoveyError, linkVersions, type V2FromWorkerMessage, type V2ToWorkerMessage, type WorkerOffer } from "@covey/protocol";
import { challengeText, enrolText, linkText, type ProofFields } from "@covey/protocol/proof";
import { fingerprintOf, type JoinToken } from "#host/token/token.ts";
import type { WorkerIdentity } from "#worker/identity.ts";

type From<T extends V2FromWorkerMessage["type"]> = Extract<V2FromWorkerMessage, { type: T }>;
type Challenge = Extract<V2ToWorkerMessage, { type: "challenge" }>;

export interface Introduction {
	readonly identity: WorkerIdentity;
	readonly name: string;
	/** Unique per process start. */
	readonly instance: string;
	readonly version: string;
	/** Enrols with it; absent: known by its key. */
	readonly token: JoinToken | undefined;
	/** Of the coordinator's key: from the pin, or at the first time from the token. */
	readonly fingerprint: string | undefined;
}

/** One handshake: `hello`, then `answer` to the challenge. Nothing secret leaves before the coordinator has proved its key. */
export interface Handshake {
	readonly hello: From<"hello">;
	/** @throws CoveyError `forbidden` when it is not the coordinator that we trust, `version_mismatch`. */
	answer(challenge: Challenge, offer: WorkerOffer): From<"prove">;
}

export function createHandshake(introduction: Introduction): Handshake {
	const { identity, name, instance, version, token } = introduction;
	const hello: From<"hello"> = {
		type: "hello",
		// Version 1 has no proof of identity and is for other people's workers.
		protocol: [2, linkVersions[1]],
		name,
		publicKey: identity.publicKey,
		...(token !== undefined && { tokenId: token.id }),
		nonce: randomBytes(32).toString("base64"),
		instance,
		version,
	};
	return {
		hello,
		answer(challenge, offer) {
			if (challenge.protocol < hello.protocol[0] || challenge.protocol > hello.protocol[1]) {
				throw new CoveyError(
					"version_mismatch",
					`the coordinator speaks link version ${challenge.protocol}, this worker ${hello.protocol}`,
				);
			}
			const fields: ProofFields = {
				coordinator: challenge.coordinator,
				coordinatorNonce: challenge.nonce,
				workerNonce: hello.nonce,
				workerPublicKey: identity.publicKey,
				workerName: name,
				protocol: challenge.protocol,
			};
			checkCoordinator(introduction, challenge, fields);
			return {
				type: "prove",
				signature: identity.sign(token === undefined ? linkText(fields) : enrolText(fields)),
				...(token !== undefined && { tokenSecret: token.secret }),
				offer,
			};
		},
	};
}

function checkCoordinator(introduction: Introduction, challenge: Challenge, fields: ProofFields): void {
	const trusted = introduction.fingerprint;
	const publicKey = Buffer.from(challenge.publicKey, "base64");
	const seen = fingerprintOf(publicKey);
	if (seen !== trusted) {
		throw new CoveyError("forbidden", `the coordinator's key is ${seen}, but this worker trusts ${trusted ?? "none yet"}`, {
			hint: "if it was set up anew, remove coordinator.json from the worker's state directory and join again with a new token",
		});
	}
	if (!isSignedBy(publicKey, challengeText(fields, challenge.time), challenge.signature)) {
		throw new CoveyError("forbidden", "the coordinator could not prove that it holds its key", {
			hint: "something between this worker and the coordinator may be changing messages",
		});
	}
}

function isSignedBy(publicKey: Buffer, text: string, signature: string): boolean {
	try {
		const key = createPublicKey({ key: publicKey, type: "spki", format: "der" });
		return key.asymmetricKeyType === "ed25519" && verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"));
	} catch {
		return false;
	}
}
