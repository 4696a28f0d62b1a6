import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ArtifactReference } from "@covey/protocol";
import { wireLimits } from "@covey/protocol/limits";
import { collectArtifacts } from "#host/fs/collect-artifacts.ts";
import { persist } from "#worker/persist.ts";
import { ask, type Coordinator } from "./coordinator.ts";

export interface BroughtBack {
	readonly artifacts: readonly ArtifactReference[];
	readonly missing: readonly string[];
	/** Why something did not come back, in a sentence. The result of the command stands all the same. */
	readonly problem?: string;
}

/** The patch of what the command changed, as an artifact. @throws what storing it throws. */
export async function storePatch(coordinator: () => Coordinator, patch: Buffer, signal: AbortSignal): Promise<ArtifactReference> {
	const digest = createHash("sha256").update(patch).digest("hex");
	await store(coordinator, digest, () => [patch], signal);
	return { path: wireLimits.patchPath, digest, bytes: patch.length, kind: "file", mode: 0o644 };
}

function store(
	coordinator: () => Coordinator,
	digest: string,
	content: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
	signal: AbortSignal,
): Promise<unknown> {
	const put = () =>
		ask(coordinator(), `/api/v1/blobs/${digest}`, {
			method: "PUT",
			body: ReadableStream.from(content()),
			duplex: "half",
			headers: { "content-type": "application/octet-stream" },
			signal,
		});
	return persist(put, signal);
}

/** Collects the declared paths and stores their contents with the coordinator. Never throws. */
export async function bringBack(
	options: { readonly directory: string; readonly coordinator: () => Coordinator },
	root: string,
	paths: readonly string[],
	signal: AbortSignal,
): Promise<BroughtBack> {
	const artifacts: ArtifactReference[] = [];
	try {
		await using collected = await collectArtifacts({
			root,
			paths,
			temporary: join(options.directory, "artifacts"),
			bytesMax: wireLimits.artifactBytesMax,
			signal,
		});
		for (const { content, ...reference } of collected.artifacts) {
			await store(options.coordinator, reference.digest, content, signal);
			artifacts.push(reference);
		}
		const missing = collected.missing.slice(0, wireLimits.pullPathsMax);
		const left = collected.missing.length - missing.length;
		return { artifacts, missing, ...(left > 0 && { problem: `${left} more paths did not come back` }) };
	} catch (error) {
		const brought = new Set(artifacts.map(({ path }) => path));
		const missing = paths.filter((path) => !brought.has(path));
		return { artifacts, missing, problem: `artifacts did not come back: ${error instanceof Error ? error.message : String(error)}` };
	}
}
