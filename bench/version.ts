import { join } from "node:path";
import { root } from "../tests/architecture/sources.ts";
import { program } from "../tests/kit/machine.ts";
import { interleave, timeProcess } from "./kit/time.ts";
import { type BenchLine, median, toLine } from "./line.ts";

/** The whole process `covey version`, as it is installed, against a Node that does nothing. */
const rounds = 40;

export async function run(): Promise<BenchLine[]> {
	const ours = () => timeProcess({ command: [...program, "version"] });
	const nothing = () => timeProcess({ command: [program[0], "-e", "0"] });
	const checkout = () => timeProcess({ command: [join(root, "covey"), "version"] });
	await interleave(3, ours, nothing);
	const measured = await interleave(rounds, ours, nothing);
	const fromCheckout = await interleave(rounds / 2, checkout, ours);
	const added = median(fromCheckout.map((round) => round.ours)) - median(fromCheckout.map((round) => round.peer));
	return [
		toLine("version", measured, {
			bar: { kind: "<=", value: 1.8 },
			unit: "ms of a process",
			peerName: "node -e 0",
			notes: { addedByTheCheckoutScriptMs: Math.round(added * 10) / 10 },
		}),
	];
}
