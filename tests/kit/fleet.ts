import { type Daemon, Machine } from "./machine.ts";

export interface FleetOptions {
	/** Workers besides the embedded one, each on a machine of its own. */
	readonly workers?: number;
	readonly slots?: number;
	/** Slots of the embedded worker; 0 unless a test is about it. */
	readonly localSlots?: number;
	/** Short leases, so that a test of a lost worker takes seconds. */
	readonly leaseTtl?: string;
	readonly coordinatorEnvironment?: Readonly<Record<string, string>>;
}

/** A coordinator and its workers as separate processes with separate homes. */
export class Fleet implements AsyncDisposable {
	readonly coordinator: Machine;
	readonly url: string;
	readonly workers: { readonly machine: Machine; daemon: Daemon; readonly name: string }[] = [];
	daemon: Daemon;

	private constructor(coordinator: Machine, daemon: Daemon, url: string) {
		this.coordinator = coordinator;
		this.daemon = daemon;
		this.url = url;
	}

	static async start(options: FleetOptions = {}): Promise<Fleet> {
		const coordinator = await Machine.create({
			environment: {
				COVEY_COORDINATOR_LOCAL_SLOTS: String(options.localSlots ?? 0),
				...(options.leaseTtl && {
					COVEY_COORDINATOR_LEASE_TTL: options.leaseTtl,
					COVEY_COORDINATOR_SYNC_EVERY: "500ms",
					COVEY_COORDINATOR_PING_EVERY: "1s",
					COVEY_COORDINATOR_PONG_WITHIN: "900ms",
				}),
				...options.coordinatorEnvironment,
			},
		});
		const daemon = await coordinator.start(["up", "--port", "0"]);
		const [, url] = await daemon.says(/ready at (http:\/\/\S+)/);
		const fleet = new Fleet(coordinator, daemon, url!);
		for (let i = 1; i <= (options.workers ?? 0); i++) await fleet.join(`worker-${i}`, options);
		return fleet;
	}

	/** Enrols one more worker, as a person would. */
	async join(name: string, options: { slots?: number; tags?: readonly string[]; machine?: Machine } = {}): Promise<void> {
		const token = await this.coordinator.covey(["token", "create", "join"]);
		if (token.code !== 0) throw new Error(`no join token: ${token.stderr}`);
		const machine = options.machine ?? (await Machine.create());
		const tags = (options.tags ?? []).flatMap((tag) => ["--tag", tag]);
		const daemon = await machine.start(["join", this.url, "--name", name, "--slots", String(options.slots ?? 2), ...tags], {
			input: token.stdout,
			ready: /connected/,
		});
		this.workers.push({ machine, daemon, name });
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const { machine } of this.workers) await machine[Symbol.asyncDispose]();
		await this.coordinator[Symbol.asyncDispose]();
	}
}
