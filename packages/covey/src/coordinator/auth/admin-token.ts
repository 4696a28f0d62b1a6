import { CoveyError } from "@covey/protocol";
import { createSecret, encodeToken, hashSecret, parseToken, type Token } from "#host/token/token.ts";
import { adminTokenId } from "./authenticator.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/**
 * The admin token of this coordinator, made at its first start. @returns SHA-256 of its secret, hex.
 * @throws CoveyError `forbidden` when others may read the file, `bad_request` when it holds no admin token.
 */
export async function ensureAdminToken(file: string): Promise<string> {
	const text = (await readPrivateFile(file)) ?? (await create(file));
	const token = parse(file, text);
	if (token.kind === "client" && token.id === adminTokenId) return hashSecret(token.secret);
	throw broken(file);
}

function parse(file: string, text: string): Token {
	try {
		return parseToken(text);
	} catch (cause) {
		throw broken(file, cause);
	}
}

function broken(file: string, cause?: unknown): CoveyError {
	return new CoveyError("bad_request", `${file} does not hold the admin token`, {
		cause,
		hint: "move it away: the next start makes a new one",
	});
}

async function create(file: string): Promise<string> {
	const text = encodeToken({ kind: "client", id: adminTokenId, secret: createSecret() });
	await writePrivateFile(file, `${text}\n`);
	return text;
}
