/** Does `work` so many times, `inFlight` of them at any moment. @returns how many a second. */
export async function ratePerSecond(times: number, inFlight: number, work: (at: number) => Promise<unknown>): Promise<number> {
	let next = 0;
	const lane = async (): Promise<void> => {
		while (next < times) await work(next++);
	};
	const start = performance.now();
	await Promise.all(Array.from({ length: inFlight }, lane));
	return (times * 1000) / (performance.now() - start);
}
