/**
 * What is signed when a worker and a coordinator meet. Each text has its own prefix, so that a signature made for
 * one purpose is worth nothing for another. Fields are joined by NUL, which none of them can hold.
 */
export interface ProofFields {
	readonly coordinator: string;
	readonly coordinatorNonce: string;
	readonly workerNonce: string;
	readonly workerPublicKey: string;
	readonly workerName: string;
	readonly protocol: number;
}

const fieldsOf = (fields: ProofFields): string[] => [
	fields.coordinator,
	fields.coordinatorNonce,
	fields.workerNonce,
	fields.workerPublicKey,
	fields.workerName,
	String(fields.protocol),
];

/** Signed by the coordinator in `challenge`; the worker checks it, and the key's fingerprint, before it shows a secret. */
export const challengeText = (fields: ProofFields, time: number): string =>
	["covey-challenge-v1", ...fieldsOf(fields), String(time)].join("\0");
/** Signed by a worker that shows a join token. */
export const enrolText = (fields: ProofFields): string => ["covey-enrol-v1", ...fieldsOf(fields)].join("\0");
/** Signed by a worker that is known by its key. */
export const linkText = (fields: ProofFields): string => ["covey-link-v1", ...fieldsOf(fields)].join("\0");
/** Signed to renew a session. */
export const renewText = (session: string, renewal: string): string => ["covey-renew-v1", session, renewal].join("\0");
