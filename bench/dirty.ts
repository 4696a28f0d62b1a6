import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Fleet } from "../tests/kit/fleet.ts";
import { program } from "../tests/kit/machine.ts";
import { Repository } from "../tests/kit/repository.ts";
import { interleave, timeProcess } from "./kit/time.ts";
import { type BenchLine, median, toLine } from "./line.ts";
import { SshPeer } from "./peer/ssh.ts";

/**
 * A repository of 3,000 files of which one changes each round: the whole process `covey run -- true` to a worker that
 * has had it before, against `rsync` of the files alone and then `ssh host true`, both over an open master connection.
 */
const rounds = 20;
const files = 3000;

export async function run(): Promise<BenchLine[]> {
	await using fleet = await Fleet.start({ workers: 1 });
	await using ssh = await SshPeer.start();
	using repository = new Repository(contents());
	const { directory } = repository;
	const change = (round: number): void => repository.write({ "d7/f42.txt": `round ${round} of ${performance.now()}\n` });
	const target = join(ssh.home, "work");
	mkdirSync(target);
	const sync = ["rsync", "-a", "--delete", "--exclude=.git", "-e", ssh.words("shared").join(" "), `${directory}/`, `peer:${target}/`];
	const ours = async (round: number) => {
		change(round);
		return timeProcess({ command: [...program, "run", "--", "true"], cwd: directory, environment: fleet.client.environment });
	};
	const peer = async (round: number) => {
		change(round);
		return (await timeProcess({ command: sync })) + (await timeProcess({ command: ssh.command("shared", "cd", target, "&&", "true") }));
	};
	await interleave(3, ours, peer);
	const measured = await interleave(rounds, ours, peer);
	const start = () => timeProcess({ command: [...program, "version"] });
	const bare = median((await interleave(5, start, start)).map((round) => round.ours));
	return [
		toLine("dirty", measured, {
			bar: { kind: "<=", value: 0.8 },
			unit: "ms of a process",
			peerName: "rsync and then ssh, master connection",
			notes: { files, changedPerRound: 1, withoutOurStartMs: Math.round(median(measured.map((round) => round.ours)) - bare) },
		}),
	];
}

function contents(): Record<string, string> {
	return Object.fromEntries(
		Array.from({ length: files }, (_, at) => [`d${at % 60}/f${Math.floor(at / 60)}.txt`, `file ${at}\n`.repeat(20 + (at % 150))]),
	);
}
