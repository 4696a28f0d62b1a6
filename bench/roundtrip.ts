import { Fleet } from "../tests/kit/fleet.ts";
import { interleave, time, timeProcess } from "./kit/time.ts";
import { type BenchLine, percentile, toLine } from "./line.ts";
import { SshPeer } from "./peer/ssh.ts";

/**
 * From submit to the known end of `true`: through SDK, coordinator and worker as three processes, on an open socket and
 * with the journal at FULL, against `ssh` over an open master connection. What `ssh` writes to disk in between: nothing.
 */
const rounds = 5;
const callsPerRound = 100;

export async function run(): Promise<BenchLine[]> {
	await using fleet = await Fleet.start({ workers: 1 });
	await using ssh = await SshPeer.start();
	const ours = () => time(() => runTrue(fleet));
	const peer = () => timeProcess({ command: ssh.command("shared", "true") });
	await interleave(20, ours, peer);
	const measured: { ours: number; peer: number }[][] = [];
	for (let round = 0; round < rounds; round++) measured.push(await interleave(callsPerRound, ours, peer));
	return [50, 99].map((percent) => {
		const perRound = measured.map((calls) => ({
			ours: percentile(
				calls.map((call) => call.ours),
				percent,
			),
			peer: percentile(
				calls.map((call) => call.peer),
				percent,
			),
		}));
		return toLine(`roundtrip-p${percent}`, perRound, {
			bar: { kind: "<=", value: 1 },
			unit: "ms from submit to exit",
			peerName: "ssh, master connection",
			notes: { callsPerRound, peerShell: ssh.shell },
		});
	});
}

async function runTrue(fleet: Fleet): Promise<void> {
	const { outcome } = await fleet.sdk.run({ payload: { command: ["true"] } });
	if (outcome !== "passed") throw new Error(`true ${outcome}`);
}
