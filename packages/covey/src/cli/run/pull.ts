import type { FinalRecord, Fleet } from "@covey/client";
import { plain } from "#cli/table.ts";
import { say, talkStyle } from "#cli/terminal.ts";

/**
 * Brings the artifacts of a run to the same paths below `directory`, verified against their digests. Only what was
 * asked for is taken: a worker that reports other paths does not get to write them here.
 * @param wanted the paths that were asked for, as the submission names them.
 * @throws CoveyError when one cannot be brought; those before it are in place.
 */
export async function pullArtifacts(options: {
	readonly fleet: Fleet;
	readonly record: FinalRecord;
	readonly wanted: readonly string[];
	readonly directory: string;
	readonly signal: AbortSignal;
}): Promise<void> {
	const { fleet, record, wanted, directory, signal } = options;
	if (record.artifacts.length === 0) return;
	const { placeArtifact } = await import("#host/fs/artifact.ts");
	for (const artifact of record.artifacts) {
		const path = plain(artifact.path, 200);
		if (!wanted.includes(artifact.path)) {
			say(`${talkStyle.yellow("covey:")} ${record.machine} brought ${path}, which nobody asked for: left alone`);
			continue;
		}
		await placeArtifact({ root: directory, artifact, content: fleet.download(record.task, artifact, { signal }) });
		say(`${talkStyle.dim("covey:")} pulled ${path} (${artifact.bytes} bytes)`);
	}
}
