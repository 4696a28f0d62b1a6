import type { FinalRecord, Fleet } from "@covey/client";
import { say, talkStyle } from "#cli/terminal.ts";

/**
 * Brings the artifacts of a run to the same paths below `directory`, verified against their digests.
 * @throws CoveyError when one cannot be brought; those before it are in place.
 */
export async function pullArtifacts(fleet: Fleet, record: FinalRecord, directory: string, signal: AbortSignal): Promise<void> {
	if (record.artifacts.length === 0) return;
	const { placeArtifact } = await import("#host/fs/artifact.ts");
	for (const artifact of record.artifacts) {
		await placeArtifact({ root: directory, artifact, content: fleet.download(record.task, artifact, { signal }) });
		say(`${talkStyle.dim("covey:")} pulled ${artifact.path} (${artifact.bytes} bytes)`);
	}
}
