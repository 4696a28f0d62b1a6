import { CoveyError } from "@covey/protocol/errors";
import { systemClock } from "#kit/clock.ts";
import { startInBackground } from "./background.ts";
import { type CoordinatorFile, readLocalCoordinator } from "./client.ts";

/** With the token of its home. */
type LocalCoordinator = CoordinatorFile & { readonly token: string };

/**
 * Starts the coordinator of this home in the background, with the listeners of the build pool and for good.
 * @returns where it runs, and whether this call has started it. @throws CoveyError `unavailable` with what it said.
 */
export async function startBuildPool(): Promise<LocalCoordinator & { readonly started: boolean }> {
	const running = readLocalCoordinator();
	if (running !== undefined) return { ...running, started: false };
	await startInBackground(undefined, ["--build-pool"]);
	const begun = readLocalCoordinator();
	if (begun === undefined)
		throw new CoveyError("unavailable", "the coordinator that was started here ended at once", { hint: "covey doctor" });
	return { ...begun, started: true };
}

/** The coordinator of this home. @throws CoveyError `unavailable` when none runs. */
export function localCoordinator(): LocalCoordinator {
	const running = readLocalCoordinator();
	if (running === undefined)
		throw new CoveyError("unavailable", "no coordinator runs on this machine", { hint: "covey build-pool start starts one" });
	return running;
}

/**
 * Tells the coordinator to end: what its own worker runs may end until `until` (milliseconds since 1970), then is ended.
 * The caller has made sure that `pid` is that coordinator. @throws CoveyError `timeout` when it is there still.
 */
export async function endCoordinator({ pid, url }: CoordinatorFile, until: number): Promise<void> {
	process.kill(pid, "SIGTERM");
	if (await isGone(pid, until)) return;
	process.kill(pid, "SIGTERM");
	if (await isGone(pid, Date.now() + endMs)) return;
	throw new CoveyError("timeout", `the coordinator at ${url}, process ${pid}, does not end`, { hint: `kill ${pid} ends it at once` });
}

/** To end what runs, hand over what it can and close its stores. */
const endMs = 30_000;

async function isGone(pid: number, until: number): Promise<boolean> {
	do {
		try {
			process.kill(pid, 0);
		} catch {
			return true;
		}
		await systemClock.sleep(50, new AbortController().signal);
	} while (Date.now() < until);
	return false;
}
