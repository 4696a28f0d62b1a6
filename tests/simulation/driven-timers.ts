/** Does something after a while, unless the process that wanted it has died by then. */
export type Later = (ms: number, action: () => void) => void;

interface Handle {
	cancelled: boolean;
}

const { setImmediate: realSetImmediate } = globalThis;

/** All that could happen without time passing has happened. */
export function settled(): Promise<void> {
	return new Promise((resolve) => realSetImmediate(resolve));
}

/** Puts the timers of this process under virtual time, for code that takes them from where Node has them, until disposed. */
export function takeTimers(later: Later): Disposable {
	const { setImmediate, clearImmediate, setTimeout, clearTimeout } = globalThis;
	const begin = (ms: number, action: () => void): Handle => {
		const handle: Handle = { cancelled: false };
		later(ms, () => {
			if (!handle.cancelled) action();
		});
		return handle;
	};
	const cancel = (handle: Handle | undefined): void => {
		if (handle !== undefined) handle.cancelled = true;
	};
	Object.assign(globalThis, {
		setImmediate: (action: () => void) => begin(0, action),
		setTimeout: (action: () => void, ms = 0) => begin(ms, action),
		clearImmediate: cancel,
		clearTimeout: cancel,
	});
	return { [Symbol.dispose]: () => void Object.assign(globalThis, { setImmediate, clearImmediate, setTimeout, clearTimeout }) };
}
