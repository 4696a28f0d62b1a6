// The programs of other projects that some tests use for real. As root on Debian the missing ones are installed; elsewhere
// those tests are skipped and say what they need.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Program and the package that has it. */
const wanted = {
	bwrap: "bubblewrap",
	direnv: "direnv",
	fish: "fish",
	ip: "iproute2",
	nix: "nix-bin",
	tmux: "tmux",
	zsh: "zsh",
};

/** Talks on stderr only; that something cannot be installed fails nothing. */
export function installDebianPackages() {
	const packages = Object.keys(wanted)
		.filter((program) => !isThere(program))
		.map((program) => wanted[program]);
	if (packages.length === 0 || process.getuid?.() !== 0 || !isThere("apt-get")) return;
	process.stderr.write(`covey: installing for the tests (once): ${packages.join(" ")} …\n`);
	if (apt("install", "--no-install-recommends", ...packages)) return;
	if (apt("update") && apt("install", "--no-install-recommends", ...packages)) return;
	process.stderr.write("covey: that did not work; the tests that need them are skipped\n");
}

function apt(...words) {
	const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
	return spawnSync("apt-get", ["-y", "-q", ...words], { env: environment, stdio: "ignore", timeout: 300_000 }).status === 0;
}

function isThere(program) {
	return (process.env.PATH ?? "").split(delimiter).some((directory) => {
		try {
			accessSync(join(directory, program), constants.X_OK);
			return true;
		} catch {
			return false;
		}
	});
}
