import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findTailnet } from "./tailnet.ts";

/** A `tailscale` command that says what a real one has been seen to say; the real one cannot run here. */
let directory: string;
const path = process.env.PATH;
beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), "covey-tailscale-"));
	process.env.PATH = `${directory}:${path}`;
});
afterEach(() => {
	process.env.PATH = path;
	rmSync(directory, { recursive: true });
});
const tailscale = (script: string) => writeFileSync(join(directory, "tailscale"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

describe("the tailnet of this machine", () => {
	it("gives its addresses and its name", async () => {
		tailscale(
			`echo '{"Version":"1.102.3","BackendState":"Running","Self":{"TailscaleIPs":["100.101.102.103","fd7a:115c:a1e0::1"],"DNSName":"big.tail1234.ts.net."},"Peer":null}'`,
		);
		expect(await findTailnet()).toEqual({ addresses: ["100.101.102.103", "fd7a:115c:a1e0::1"], name: "big.tail1234.ts.net" });
	});

	for (const [state, script] of [
		["is logged out", `echo '{"BackendState":"NeedsLogin","Self":{"TailscaleIPs":null}}'`],
		["does not run", "echo 'failed to connect to local tailscaled' >&2; exit 1"],
		["says something else", "echo hello"],
	] as const) {
		it(`is not there when it ${state}`, async () => {
			tailscale(script);
			expect(await findTailnet()).toBeUndefined();
		});
	}

	it("is not there without the command", async () => {
		process.env.PATH = directory;
		expect(await findTailnet()).toBeUndefined();
	});
});
