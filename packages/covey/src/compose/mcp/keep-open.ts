import type { Fleet } from "@covey/client";
import { CoveyError } from "@covey/protocol/errors";

/** Opens a fleet; `onClosed` is called once when that one will not come back. */
export type OpenFleet = (onClosed: () => void) => Promise<Fleet>;

/** One fleet for many calls: opened at the first, and anew when opening it failed or it is closed for good. */
export function keepOpen(open: OpenFleet): { readonly open: () => Promise<Fleet>; readonly close: () => Promise<void> } {
	let fleet: Promise<Fleet> | undefined;
	let closed = false;
	return {
		open() {
			if (closed) return Promise.reject(new CoveyError("unavailable", "this server is stopping"));
			if (fleet !== undefined) return fleet;
			const forget = () => {
				if (fleet === opened) fleet = undefined;
			};
			const opened: Promise<Fleet> = open(forget).catch((error) => {
				forget();
				throw error;
			});
			fleet = opened;
			return opened;
		},
		async close() {
			closed = true;
			(await fleet?.catch(() => undefined))?.close();
		},
	};
}
