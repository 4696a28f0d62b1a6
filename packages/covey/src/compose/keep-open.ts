import type { Fleet } from "@covey/client";
import { CoveyError } from "@covey/protocol/errors";

/** What becomes of the link of an opened fleet. */
export interface LinkWatch {
	/** It will not come back by itself. */
	readonly onClosed: () => void;
	readonly onLink: (state: "down" | "up") => void;
}

export type OpenFleet = (watch: LinkWatch) => Promise<Fleet>;

/** A link may be away for so long. Then what waits for it fails, and the coordinator is looked for anew: it may be another process at another port. */
const patienceMs = 5000;

/** One fleet for many calls: opened at the first, and anew when opening it failed, it is closed for good, or its link stays away. */
export function keepOpen(
	open: OpenFleet,
	patience: number = patienceMs,
): { readonly open: () => Promise<Fleet>; readonly close: () => Promise<void> } {
	let kept: Promise<Fleet> | undefined;
	let closed = false;

	function begin(): Promise<Fleet> {
		let timer: NodeJS.Timeout | undefined;
		const forget = () => {
			clearTimeout(timer);
			if (kept === opened) kept = undefined;
		};
		const giveUp = async () => {
			forget();
			(await opened).close();
		};
		const watch: LinkWatch = {
			onClosed: forget,
			onLink(state) {
				clearTimeout(timer);
				if (state === "down") timer = setTimeout(() => void giveUp(), patience);
			},
		};
		const opened: Promise<Fleet> = open(watch).catch((error) => {
			forget();
			throw error;
		});
		return opened;
	}

	return {
		async open() {
			if (closed) throw new CoveyError("unavailable", "this server is stopping");
			kept ??= begin();
			return kept;
		},
		async close() {
			closed = true;
			(await kept?.catch(() => undefined))?.close();
		},
	};
}
