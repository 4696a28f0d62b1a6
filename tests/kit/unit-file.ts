import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A unit as lines of [section, key, value], in order. */
export type UnitLine = readonly [section: string, key: string, value: string];

export function parseUnit(text: string): UnitLine[] {
	let section = "";
	return text.split("\n").flatMap((line): UnitLine[] => {
		const header = /^\[(\w+)\]$/.exec(line);
		if (header) section = header[1]!;
		const [, key, value] = /^([A-Z]\w*)=(.*)$/.exec(line) ?? [];
		return key === undefined ? [] : [[section, key, value!]];
	});
}

export function writeUnit(lines: readonly UnitLine[]): string {
	const sections = new Set(lines.map(([section]) => section));
	return [...sections]
		.map((name) => `[${name}]\n${lines.flatMap(([section, key, value]) => (section === name ? [`${key}=${value}\n`] : [])).join("")}`)
		.join("\n");
}

export const noSystemdAnalyze: boolean = spawnSync("systemd-analyze", ["--version"]).error !== undefined;

/** What systemd says of a unit: nothing if it is well, and how exposed it is, from 0 to 10. Programs need not be there. */
export function analyzeUnit(name: string, lines: readonly UnitLine[]): { readonly complaints: string; readonly exposure: number } {
	const directory = mkdtempSync(join(tmpdir(), "covey-unit-"));
	try {
		const file = join(directory, name);
		const startable = lines.map(([section, key, value]): UnitLine => [section, key, key === "ExecStart" ? "/bin/true" : value]);
		writeFileSync(file, writeUnit(startable));
		const verified = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
		const security = execFileSync("systemd-analyze", ["security", "--offline=true", "--no-pager", file], {
			encoding: "utf8",
			stdio: "pipe",
		});
		const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(security)?.[1]);
		return { complaints: verified.status === 0 ? verified.stderr : `${verified.stderr}exit code ${verified.status}`, exposure };
	} finally {
		rmSync(directory, { recursive: true });
	}
}
