import { CoveyError, errorTable, linkVersions, type VersionRange } from "@covey/protocol";
import type { CoordinatorSideConnection } from "./connection.ts";

/** Says why in a message, then closes with the code of the error. */
export function refuse(connection: CoordinatorSideConnection, error: CoveyError): void {
	connection.send({ type: "refusal", error: error.toWire() });
	connection.close(errorTable[error.code].close, error.message);
}

/** Programmer's errors stay here; the worker learns only that it was not its fault. */
export function refusalOf(error: unknown): CoveyError {
	return error instanceof CoveyError ? error : new CoveyError("internal", "the coordinator failed; its log says why", { cause: error });
}

export function badMessage(what: string): CoveyError {
	return new CoveyError("bad_request", what);
}

export function versionMismatch(theirs: VersionRange): CoveyError {
	const older = theirs[1] < linkVersions[1] ? "worker" : "coordinator";
	const range = ([low, high]: VersionRange) => (low === high ? `${low}` : `${low} to ${high}`);
	return new CoveyError(
		"version_mismatch",
		`the worker speaks link version ${range(theirs)}, this coordinator speaks ${range(linkVersions)}: they cannot talk`,
		{ hint: `upgrade the ${older}` },
	);
}
