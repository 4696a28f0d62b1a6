/** A durable queue that Covey is measured against. */
export interface QueuePeer extends AsyncDisposable {
	readonly name: string;
	/** Resolves when the job is as durable as this peer makes it. */
	add(payload: string): Promise<unknown>;
	/** Works off so many waiting jobs, in a process of its own that stays and takes nothing else. @returns jobs a second, from the first start to the last end. */
	processAll(jobs: number): Promise<number>;
}
