import { CoveyError } from "@covey/protocol";
import { isSecret } from "#coordinator/auth/authenticator.ts";
import type { TokenRecord } from "#core/token.ts";
import type { Control } from "#ports/control.ts";

/**
 * Looks up a shown token and checks its secret in constant time. Whoever does not know the secret always gets the
 * same answer; only its owner learns that it is expired, used or revoked.
 * @throws CoveyError `unauthenticated`.
 */
export async function admitToken(
	control: Control,
	shown: { readonly kind: TokenRecord["kind"]; readonly id: string; readonly secret: string },
	now: number,
): Promise<TokenRecord> {
	const record = await control.query((fleet) => {
		const found = fleet.token(shown.id);
		return found === undefined ? undefined : { ...found };
	});
	// An unknown id costs the same as a wrong secret.
	const right = isSecret(shown.secret, record?.secretHash ?? "");
	if (record === undefined || !right || record.kind !== shown.kind) throw new CoveyError("unauthenticated", "this token is not valid");
	for (const [ended, why] of [
		[record.revoked, "was revoked"],
		[record.expiresAt !== undefined && record.expiresAt <= now, "has expired"],
		[record.usesLeft === 0, "was used already"],
	] as const) {
		if (ended) throw new CoveyError("unauthenticated", `this token ${why}`, { hint: "ask for a new one: covey token create join" });
	}
	return record;
}
