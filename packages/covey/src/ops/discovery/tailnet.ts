import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";

const Status = z.object({
	BackendState: z.string(),
	Self: z.object({ TailscaleIPs: z.array(z.string()).nullish(), DNSName: z.string().optional() }).nullish(),
});

/** This machine on the tailnet. */
export interface Tailnet {
	/** IPv4 and IPv6. */
	readonly addresses: readonly string[];
	/** MagicDNS name, without the dot at its end. */
	readonly name?: string;
}

/**
 * Asks the `tailscale` command, which answers from the local daemon. Undefined when there is none, it does not run, it
 * is logged out or it takes more than two seconds: a machine without a tailnet is a normal one.
 * Source: `tailscale status --json` of 1.102. Never run against a live tailnet by our tests; they use a command that prints such a document.
 */
export async function findTailnet(): Promise<Tailnet | undefined> {
	try {
		const { stdout } = await promisify(execFile)("tailscale", ["status", "--json", "--peers=false"], { timeout: 2000, maxBuffer: 1 << 20 });
		const status = Status.parse(JSON.parse(stdout));
		const addresses = status.Self?.TailscaleIPs ?? [];
		if (status.BackendState !== "Running" || addresses.length === 0) return undefined;
		const name = status.Self?.DNSName?.replace(/\.$/, "");
		return { addresses, ...(name && { name }) };
	} catch {
		return undefined;
	}
}
