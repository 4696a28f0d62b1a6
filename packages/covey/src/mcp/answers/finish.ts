import type { Fleet } from "@covey/client";
import { finalRecord } from "@covey/client";
import { wireLimits } from "@covey/protocol/limits";
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { Asked } from "#mcp/jobs/desk.ts";
import { type JobReading, purposeOf } from "#mcp/jobs/job.ts";
import { digest } from "#mcp/jobs/submission.ts";
import { mcpLimits } from "#mcp/limits.ts";
import { cleanLine } from "#mcp/reports/clean-line.ts";
import type { Report } from "#mcp/reports/report.ts";
import type { Applied, Worktree } from "#mcp/worktree.ts";
import { type EndedContext, endedAnswer } from "./ended.ts";
import { compareWith, findingsOf, type Novelty, readFindings } from "./novelty.ts";

const notOurs = "it is not this session that started the job";

export interface FinishOptions {
	readonly fleet: Fleet;
	/** Absent: nobody's worktree is at hand, so nothing is compared or applied. */
	readonly worktree?: Worktree | undefined;
	/** Absent: somebody else started it, or a server before this one. Nothing of it comes into the worktree then. */
	readonly asked?: Asked | undefined;
	readonly chars: number;
}

/** Once per ended job: compares with the last run of the same command in this worktree, applies its patch, and answers. */
export async function finish(reading: JobReading & { readonly report: Report }, options: FinishOptions): Promise<CallToolResult> {
	const { task } = reading;
	const novelty = options.worktree && (await compareAndRemember(reading, options.worktree));
	const { patch, note } = await bringPatch(reading, options);
	// After the patch, which is only for the worktree as it was.
	const { pulled, notes } = await pullArtifacts(reading, options);
	return endedAnswer(reading, {
		verb: purposeOf(task).verb,
		notes: [...(note === undefined ? [] : [note]), ...notes, ...(options.asked?.notes ?? [])],
		chars: options.chars,
		...(options.asked && { uncommitted: options.asked.uncommitted }),
		...(novelty && { novelty }),
		...(patch && { patch }),
		...(pulled.length > 0 && { pulled }),
	});
}

/** The comparison survives a restart of this server: a job that is answered twice is compared with the same run twice. */
async function compareAndRemember(
	{ task, report }: JobReading & { readonly report: Report },
	worktree: Worktree,
): Promise<Novelty | undefined> {
	const { command, directory } = task.submission.payload as { readonly command?: unknown; readonly directory?: unknown };
	const name = `last-${digest([command, directory ?? ""]).slice(0, 16)}`;
	const recalled = (await worktree.recall(name)) as
		| { readonly task?: unknown; readonly found?: unknown; readonly before?: unknown }
		| undefined;
	const before = readFindings(recalled?.task === task.id ? recalled.before : recalled?.found);
	if (task.outcome === "passed" || task.outcome === "failed")
		await worktree.remember(name, { task: task.id, found: findingsOf(report), before });
	return compareWith(before, report);
}

async function bringPatch(
	{ task }: JobReading,
	{ fleet, worktree, asked }: FinishOptions,
): Promise<{ readonly patch?: EndedContext["patch"]; readonly note?: string }> {
	const { artifacts, tree } = finalRecord(task);
	const artifact = artifacts.find(({ path }) => path === wireLimits.patchPath);
	if (artifact === undefined) return {};
	if (artifact.bytes === 0) return { note: "It changed no file." };
	if (artifact.bytes > mcpLimits.patchBytesMax)
		return { note: `It changed files, but the patch of ${artifact.bytes} bytes is too large to come back.` };
	const chunks: Uint8Array[] = [];
	for await (const chunk of fleet.download(task.id, artifact)) chunks.push(chunk);
	const bytes = Buffer.concat(chunks);
	const applied: Applied = !asked
		? { applied: false, reason: notOurs }
		: worktree && tree !== null
			? await worktree.apply(bytes, tree)
			: { applied: false, reason: "no worktree is at hand" };
	if (applied.applied) return { patch: { applied: true, files: applied.files.map(cleanLine) } };
	const text = bytes.toString("utf8").split("\n").map(cleanLine).join("\n");
	const shown =
		text.length > mcpLimits.patchCharsMax ? `${text.slice(0, mcpLimits.patchCharsMax)}\n… cut: ${text.length} characters in all …` : text;
	return { patch: { applied: false, text: shown }, note: `The patch was not applied: ${applied.reason}.` };
}

/**
 * The paths that the project asks for, to the same places of the worktree. Only those: a worker that reports others does
 * not get to write them here. One that cannot be brought does not keep the rest away.
 */
async function pullArtifacts(
	{ task }: JobReading,
	{ fleet, worktree, asked }: FinishOptions,
): Promise<{ readonly pulled: NonNullable<EndedContext["pulled"]>; readonly notes: readonly string[] }> {
	const { artifacts, missing } = finalRecord(task);
	const { pull } = task.submission.payload as { readonly pull?: readonly string[] };
	const pulled: { path: string; bytes: number }[] = [];
	const notes: string[] = [];
	for (const artifact of artifacts) {
		const { path, bytes } = artifact;
		if (path === wireLimits.patchPath) continue;
		const refusal = !pull?.includes(path)
			? "nobody asked for it"
			: !worktree
				? "no worktree is at hand"
				: !asked
					? notOurs
					: await worktree.place(artifact, fleet.download(task.id, artifact)).catch((error: Error) => error.message);
		if (refusal === undefined) pulled.push({ path: cleanLine(path), bytes });
		else notes.push(`${cleanLine(path)} was not brought to your worktree: ${cleanLine(refusal)}.`);
	}
	if (missing.length > 0) notes.push(`Asked for and not found after the run: ${missing.map(cleanLine).join(", ")}.`);
	return { pulled, notes };
}
