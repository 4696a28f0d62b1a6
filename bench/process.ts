import { join } from "node:path";
import { root } from "../tests/architecture/sources.ts";
import { Fleet } from "../tests/kit/fleet.ts";
import { program } from "../tests/kit/machine.ts";
import { Repository } from "../tests/kit/repository.ts";
import { interleave, timeProcess } from "./kit/time.ts";
import { type BenchLine, median, toLine } from "./line.ts";
import { SshPeer } from "./peer/ssh.ts";

/** The whole process `covey run -- true` in a clean repository, against `ssh host true` over a new connection. */
const rounds = 30;

export async function run(): Promise<BenchLine[]> {
	await using fleet = await Fleet.start({ workers: 1 });
	await using ssh = await SshPeer.start();
	using repository = new Repository();
	const where = { cwd: repository.directory, environment: fleet.client.environment };
	const ours = () => timeProcess({ command: [...program, "run", "--", "true"], ...where });
	const peer = () => timeProcess({ command: ssh.command("new", "true") });
	const checkout = () => timeProcess({ command: [join(root, "covey"), "run", "--", "true"], ...where });
	await interleave(4, ours, peer);
	const measured = await interleave(rounds, ours, peer);
	const fromCheckout = await interleave(8, checkout, ours);
	const added = median(fromCheckout.map((round) => round.ours)) - median(fromCheckout.map((round) => round.peer));
	return [
		toLine("process", measured, {
			bar: { kind: "<=", value: 0.6 },
			unit: "ms of a process",
			peerName: "ssh, new connection",
			notes: { addedByTheCheckoutScriptMs: Math.round(added * 10) / 10, peerShell: ssh.shell },
		}),
	];
}
