import type { Fleet } from "@covey/client";
import { CoveyError } from "@covey/protocol/errors";

/** What becomes of the link of an opened fleet. */
export interface LinkWatch {
	/** It will not come back by itself. */
	readonly onClosed: () => void;
	readonly onLink: (state: "down" | "up") => void;
}

export type OpenFleet = (watch: LinkWatch) => Promise<Fleet>;

/** A link may be away for so long before the coordinator is looked for anew: it may be another process at another port. */
const patienceMs = 3000;

/** One fleet for many calls: opened at the first, and anew when opening it failed, it is closed for good, or its link stays away. */
export function keepOpen(
	open: OpenFleet,
	now: () => number = Date.now,
): { readonly open: () => Promise<Fleet>; readonly close: () => Promise<void> } {
	let kept: { readonly fleet: Promise<Fleet>; downSince: number | undefined } | undefined;
	let closed = false;

	function begin(): Promise<Fleet> {
		const forget = () => {
			if (kept === mine) kept = undefined;
		};
		const watch: LinkWatch = {
			onClosed: forget,
			onLink: (state) => void (mine.downSince = state === "up" ? undefined : (mine.downSince ?? now())),
		};
		const fleet = open(watch).catch((error) => {
			forget();
			throw error;
		});
		const mine = { fleet, downSince: undefined as number | undefined };
		kept = mine;
		return fleet;
	}

	return {
		async open() {
			if (closed) throw new CoveyError("unavailable", "this server is stopping");
			if (kept?.downSince !== undefined && now() - kept.downSince > patienceMs) {
				const { fleet } = kept;
				kept = undefined;
				(await fleet).close();
			}
			return kept?.fleet ?? begin();
		},
		async close() {
			closed = true;
			(await kept?.fleet.catch(() => undefined))?.close();
		},
	};
}
