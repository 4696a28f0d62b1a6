import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { CoveyError, type OperationRequest, type TokenRecordView } from "@covey/protocol";
import { actorOf } from "#coordinator/auth/principal.ts";
import type { TokenRecord } from "#core/token.ts";
import { openRepository } from "#host/git/repository.ts";
import { createSecret, encodeToken, hashSecret } from "#host/token/token.ts";
import type { Handlers, OperationContext } from "./context.ts";

type TokenHandlers = Pick<Handlers, "token.create" | "token.list" | "token.revoke">;

const joinTtlMs = 15 * 60_000;

export function createTokenHandlers(context: OperationContext): TokenHandlers {
	const { control, clock, identity } = context;
	return {
		"token.create": async (request, { principal }) => {
			checkRelations(request);
			if (request.worktree !== undefined) await checkWorktree(request.worktree);
			const secret = createSecret();
			const record = recordOf(request, secret, clock.now(), principal.name);
			await control.ask({ type: "token.create", actor: actorOf(principal), record });
			const token =
				record.kind === "client"
					? encodeToken({ kind: "client", id: record.id, secret })
					: encodeToken({ kind: "join", fingerprint: identity.fingerprint, id: record.id, secret });
			return { token, record: viewOf(record) };
		},
		"token.list": async () => ({ tokens: (await control.query((fleet) => fleet.tokens())).map(viewOf) }),
		"token.revoke": async ({ id }, { principal }) => {
			await control.ask({ type: "token.revoke", actor: actorOf(principal), id });
			const record = await control.query((fleet) => fleet.token(id));
			if (!record) throw new CoveyError("not_found", `there is no token ${id}`, { hint: "covey token list shows them" });
			return viewOf(record);
		},
	};
}

/** @throws CoveyError `bad_request` for what makes no sense together. */
function checkRelations({ kind, roles, name, uses, worktree }: OperationRequest<"token.create">): void {
	if (kind === "join" && worktree !== undefined) throw new CoveyError("bad_request", "worktree: only a client token names one");
	if (kind === "client" && roles.length === 0) throw new CoveyError("bad_request", "roles: a client token needs at least one role");
	if (kind === "client" && name !== undefined) throw new CoveyError("bad_request", "name: only a join token is for one worker's name");
	if (kind === "join" && roles.length > 0) throw new CoveyError("bad_request", "roles: a join token enrols a worker and has no roles");
	if (name !== undefined && uses > 1) throw new CoveyError("bad_request", "uses: a join token for one name is used once");
}

/** A token for what is no worktree would be refused at each call. @throws CoveyError `bad_request`. */
async function checkWorktree(directory: string): Promise<void> {
	const there = await stat(directory).catch(() => undefined);
	if (!there?.isDirectory())
		throw new CoveyError("bad_request", `worktree: there is no directory ${directory} on the coordinator's machine`);
	await openRepository(directory);
}

function recordOf(request: OperationRequest<"token.create">, secret: string, now: number, createdBy: string): TokenRecord {
	const { kind, roles, namespaces, label, uses, name, tags, worktree } = request;
	const ttlMs = request.ttlMs ?? (kind === "join" ? joinTtlMs : undefined);
	return {
		id: randomBytes(6).toString("hex"),
		kind,
		secretHash: hashSecret(secret),
		roles,
		namespaces,
		label,
		createdAt: now,
		createdBy,
		...(ttlMs !== undefined && { expiresAt: now + ttlMs }),
		...(kind === "join" && { usesLeft: uses }),
		...(name !== undefined && { name }),
		tags,
		...(worktree !== undefined && { worktree }),
		revoked: false,
	};
}

function viewOf({ secretHash: _, ...view }: Readonly<TokenRecord>): TokenRecordView {
	return { ...view, roles: [...view.roles], namespaces: [...view.namespaces], tags: { ...view.tags } };
}
