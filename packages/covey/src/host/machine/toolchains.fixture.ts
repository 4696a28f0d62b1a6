import { spawnSync } from "node:child_process";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";

const places = [process.env.RUSTUP_HOME, join(homedir(), ".rustup"), join(userInfo().homedir, ".rustup")];

/** Where rustup keeps toolchains that work, also when a test's HOME is another; undefined: nowhere, or cargo needs no rustup. */
export const rustupHome = places.find((place) => place !== undefined && works({ ...process.env, RUSTUP_HOME: place }));

/** Is there a cargo that works, and not only a proxy without a toolchain? */
export function hasCargo(): boolean {
	return rustupHome !== undefined || works(process.env);
}

function works(environment: NodeJS.ProcessEnv): boolean {
	return spawnSync("cargo", ["--version"], { env: environment, stdio: "ignore" }).status === 0;
}
