import { randomUUID } from "node:crypto";
import {
	CoveyError,
	challengeText,
	enrolText,
	type Hello,
	linkText,
	linkVersions,
	negotiate,
	type ProofFields,
	type Prove,
} from "@covey/protocol";
import type { z } from "zod";
import { admitToken } from "#coordinator/identity/admit.ts";
import { createNonce, isSignedBy } from "#coordinator/identity/proof.ts";
import { badMessage, versionMismatch } from "./refusal.ts";
import type { Introduced, LinkContext } from "./session.ts";

export type HelloMessage = z.infer<typeof Hello>;
type ProveMessage = z.infer<typeof Prove>;

/** v2: what has to be proved, and by which texts. */
export interface Challenged {
	readonly hello: HelloMessage;
	readonly fields: ProofFields;
	readonly message: {
		readonly type: "challenge";
		readonly protocol: number;
		readonly coordinator: string;
		readonly publicKey: string;
		readonly nonce: string;
		readonly time: number;
		readonly signature: string;
	};
}

/** Answers a hello: proves who the coordinator is, and asks the worker to do so over a nonce that nobody has seen. @throws CoveyError `version_mismatch`. */
export function challenge({ identity, clock }: LinkContext, hello: HelloMessage): Challenged {
	const protocol = negotiate(linkVersions, hello.protocol);
	if (protocol === undefined || protocol < 2) throw versionMismatch(hello.protocol);
	const fields: ProofFields = {
		coordinator: identity.name,
		coordinatorNonce: createNonce(),
		workerNonce: hello.nonce,
		workerPublicKey: hello.publicKey,
		workerName: hello.name,
		protocol,
	};
	const time = clock.now();
	const { name: coordinator, publicKey } = identity;
	const signature = identity.sign(challengeText(fields, time));
	return {
		hello,
		fields,
		message: { type: "challenge", protocol, coordinator, publicKey, nonce: fields.coordinatorNonce, time, signature },
	};
}

/**
 * Checks what the worker proved, and enrols it when it shows a join token. A worker whose key is known already burns
 * no token: its welcome may have been lost.
 * @throws CoveyError `unauthenticated`, `forbidden`, `name_in_use`, or why the fleet does not take it.
 */
export async function prove(context: LinkContext, { hello, fields }: Challenged, proof: ProveMessage): Promise<Introduced> {
	const { control, clock } = context;
	const text = hello.tokenId === undefined ? linkText(fields) : enrolText(fields);
	if (!isSignedBy(hello.publicKey, text, proof.signature)) {
		throw new CoveyError("unauthenticated", "the proof was not signed by the key that the worker showed, for this connection");
	}
	const known = await control.query((fleet) => {
		const found = fleet.workerRecord(hello.name);
		return found === undefined ? undefined : { ...found.record };
	});
	const isKnown = known?.identity.kind === "key" && known.identity.publicKey === hello.publicKey;
	if (isKnown && known.revoked)
		throw new CoveyError("forbidden", `the worker ${hello.name} was revoked`, {
			hint: "give its machine a new key, and join it with a new token",
		});
	const introduced = {
		worker: hello.name,
		session: randomUUID(),
		instance: hello.instance,
		protocol: fields.protocol,
		publicKey: hello.publicKey,
	};
	if (isKnown) return { ...introduced, namespaces: known.namespaces };
	if (hello.tokenId === undefined) {
		throw new CoveyError("unauthenticated", `no worker ${hello.name} with this key belongs to the fleet`, {
			hint: "join with a token: covey token create join",
		});
	}
	if (proof.tokenSecret === undefined) throw badMessage("a join token's id without its secret");
	const token = await admitToken(control, { kind: "join", id: hello.tokenId, secret: proof.tokenSecret }, clock.now());
	if (token.name !== undefined && token.name !== hello.name) {
		throw new CoveyError("forbidden", `this token is for the name ${token.name}, not for ${hello.name}`, { hint: `--name ${token.name}` });
	}
	await control.ask({
		type: "worker.enrol",
		actor: { name: `worker:${hello.name}`, admin: false, namespaces: token.namespaces },
		tokenId: token.id,
		record: {
			name: hello.name,
			identity: { kind: "key", publicKey: hello.publicKey },
			enrolledAt: clock.now(),
			namespaces: token.namespaces,
			tags: token.tags,
			draining: false,
			revoked: false,
		},
	});
	return { ...introduced, namespaces: token.namespaces };
}
