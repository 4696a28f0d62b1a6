import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { CoveyError } from "@covey/protocol/errors";
import { beginStream, HttpRefusal } from "#coordinator/http/answer.ts";
import { untilIdle } from "#coordinator/http/body.ts";
import { runGit, streamGit } from "#host/git/git.ts";
import type { SnapshotStore } from "./store.ts";

/** What a credential opens: one snapshot, to read. */
export interface GitGrant {
	readonly namespace: string;
	readonly repository: string;
	readonly commit: string;
}

export interface GitHttpOptions {
	readonly store: SnapshotStore;
	/** The password of HTTP basic authentication → what it opens; undefined for anything unknown or over. */
	authorize(credential: string): GitGrant | undefined;
}

/**
 * Read-only smart HTTP for whoever has nothing but `git fetch URL` (gitprotocol-http(5)), in protocol version 0: in
 * version 2 a client may ask for any object, in version 0 only for what is shown, and shown is the one snapshot that
 * the credential opens. Pushing is refused whatever the credential.
 */
export interface GitHttp {
	/** @returns false when the path is not one of git's. @throws CoveyError `unauthenticated`, `forbidden`, `not_found`, `bad_request`, `too_large`. */
	handle(request: IncomingMessage, response: ServerResponse, url: URL, signal: AbortSignal): Promise<boolean>;
}

export function createGitHttp({ store, authorize }: GitHttpOptions): GitHttp {
	return {
		async handle(request, response, url, signal) {
			const [, repository, service] = /^\/git\/([^/]+)\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(url.pathname) ?? [];
			if (repository === undefined || service === undefined) return false;
			const wanted = service === "info/refs" ? url.searchParams.get("service") : service;
			if (wanted !== "git-upload-pack") {
				throw new CoveyError("forbidden", `this repository cannot be reached by ${wanted ?? "the dumb protocol"}: it is read-only`);
			}
			const grant = authorize(passwordOf(request));
			if (!grant) throw new HttpRefusal(401, new CoveyError("unauthenticated", "the credential in the URL is unknown or over"), challenge);
			if (grant.repository !== repository) throw new CoveyError("not_found", `there is no repository ${JSON.stringify(repository)} here`);
			const directory = await store.directory(grant);
			const serve = [...onlyShow(grant.commit), "upload-pack", "--stateless-rpc", "--strict", "--timeout=60"];
			const call = { trust: "own", directory, signal, timeoutMs: fetchTimeoutMs } as const;
			if (service === "info/refs") {
				const { stdout } = await runGit({ ...call, arguments: [...serve, "--http-backend-info-refs", directory] });
				beginStream(response, "application/x-git-upload-pack-advertisement");
				response.end(Buffer.concat([Buffer.from("001e# service=git-upload-pack\n0000"), stdout]));
				return true;
			}
			// Before the answer begins, so that a body that is refused can still be answered with its reason.
			const input = await readBody(request);
			beginStream(response, "application/x-git-upload-pack-result");
			await pipeline(streamGit({ ...call, input, arguments: [...serve, directory] }), response);
			return true;
		},
	};
}

const challenge = { "www-authenticate": 'Basic realm="covey"' };
const fetchTimeoutMs = 10 * 60_000;
/** Of wants and haves, unpacked; haves are at most a few thousand lines. */
const bodyBytesMax = 4 * 1024 * 1024;

function onlyShow(commit: string): readonly string[] {
	return ["-c", "transfer.hideRefs=refs/", "-c", `transfer.hideRefs=!refs/covey/snapshots/${commit}`, "-c", "uploadpack.allowFilter=false"];
}

function passwordOf(request: IncomingMessage): string {
	const [, encoded = ""] = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(request.headers.authorization ?? "") ?? [];
	const [, password = ""] = /^[^:]*:(.*)$/s.exec(Buffer.from(encoded, "base64").toString("utf8")) ?? [];
	return password;
}

/** Git compresses what it asks. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
	const encoding = request.headers["content-encoding"] ?? "identity";
	if (!["identity", "gzip", "x-gzip"].includes(encoding)) throw new CoveyError("bad_request", `a body in ${encoding} is not read here`);
	const chunks: Buffer[] = [];
	let bytes = 0;
	const gather = async (content: AsyncIterable<Buffer>) => {
		for await (const chunk of content) {
			bytes += chunk.length;
			if (bytes > bodyBytesMax) throw new CoveyError("too_large", `the request is larger than ${bodyBytesMax} bytes`);
			chunks.push(chunk);
		}
	};
	if (encoding === "identity") await gather(untilIdle(request));
	else {
		await pipeline(untilIdle(request), createGunzip(), gather).catch((cause) => {
			throw cause instanceof CoveyError ? cause : new CoveyError("bad_request", "the body is not well compressed", { cause });
		});
	}
	return Buffer.concat(chunks, bytes);
}
