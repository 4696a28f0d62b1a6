import type { Fleet } from "@covey/client";
import { CoveyError } from "@covey/protocol/errors";

/** One fleet for many calls: opened at the first, and anew when opening it failed. */
export function keepOpen(open: () => Promise<Fleet>): { readonly open: () => Promise<Fleet>; readonly close: () => Promise<void> } {
	let fleet: Promise<Fleet> | undefined;
	let closed = false;
	return {
		open() {
			if (closed) return Promise.reject(new CoveyError("unavailable", "this server is stopping"));
			fleet ??= open().catch((error) => {
				fleet = undefined;
				throw error;
			});
			return fleet;
		},
		async close() {
			closed = true;
			(await fleet?.catch(() => undefined))?.close();
		},
	};
}
