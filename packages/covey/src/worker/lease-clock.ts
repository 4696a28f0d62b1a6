/**
 * The time that leases count on: never goes back, and never runs slower than the world. A machine that slept did not
 * see its monotonic clock move, but its wall clock did; a wall clock that was set back did not, but the monotonic one
 * did. Each step takes the longer of the two, so at worst a lease ends early.
 */
export function createLeaseClock(monotonic: () => number, wall: () => number): () => number {
	let [lastMonotonic, lastWall] = [monotonic(), wall()];
	let now = lastMonotonic;
	return () => {
		const [nextMonotonic, nextWall] = [monotonic(), wall()];
		const step = nextMonotonic - lastMonotonic;
		const wallStep = nextWall - lastWall;
		[lastMonotonic, lastWall] = [nextMonotonic, nextWall];
		now += wallStep > step + toleranceMs ? wallStep : step;
		return now;
	};
}

/** Wall clocks count whole milliseconds and are nudged all the time; that is no sleep. */
const toleranceMs = 500;
