/** Many may work side by side, or one alone. Whoever wants to be alone waits for those who work; later ones wait for it. */
export interface SharedLock {
	shared<T>(work: () => Promise<T>): Promise<T>;
	exclusive<T>(work: () => Promise<T>): Promise<T>;
}

export function createSharedLock(): SharedLock {
	const sharing = new Set<Promise<unknown>>();
	let alone: Promise<unknown> | undefined;
	return {
		async shared(work) {
			while (alone) await alone;
			const running = work();
			const settled = running.catch(() => {});
			sharing.add(settled);
			try {
				return await running;
			} finally {
				sharing.delete(settled);
			}
		},
		async exclusive(work) {
			while (alone) await alone;
			const running = Promise.all(sharing).then(work);
			alone = running.catch(() => {});
			try {
				return await running;
			} finally {
				alone = undefined;
			}
		},
	};
}
