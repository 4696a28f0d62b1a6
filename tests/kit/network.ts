import { execFileSync } from "node:child_process";
import { Machine } from "./machine.ts";

/** Network namespaces need Linux, iproute2 and root. */
export const noNetworks: boolean = !canMakeNetworks();

/**
 * A network namespace of its own, joined to the machine's by a cable that can be cut. Disposing takes both away; dispose
 * of the machines on it first.
 */
export class Network implements Disposable {
	static #count = 0;
	readonly #name = `covey-${process.pid}-${Network.#count++}`;
	readonly #cable = `cv${process.pid % 1_000_000}x${Network.#count}`;
	/** This end of the cable, where a coordinator can listen. */
	readonly here: string;

	constructor() {
		// 198.18.0.0/15 is for tests (RFC 2544): four addresses for each network.
		const block = ((process.pid * 16 + Network.#count) % 16_384) * 4;
		const address = (last: number): string => `198.18.${block >> 8}.${(block & 255) + last}`;
		this.here = address(1);
		ip("netns", "add", this.#name);
		try {
			ip("link", "add", this.#cable, "type", "veth", "peer", "name", "cable", "netns", this.#name);
			ip("address", "add", `${this.here}/30`, "dev", this.#cable);
			ip("link", "set", this.#cable, "up");
			ip("-n", this.#name, "address", "add", `${address(2)}/30`, "dev", "cable");
			ip("-n", this.#name, "link", "set", "cable", "up");
			ip("-n", this.#name, "link", "set", "lo", "up");
		} catch (error) {
			this[Symbol.dispose]();
			throw error;
		}
	}

	/** A machine that has only this network. */
	machine(): Promise<Machine> {
		return Machine.create({ prefix: ["ip", "netns", "exec", this.#name] });
	}

	cut(): void {
		ip("link", "set", this.#cable, "down");
	}

	mend(): void {
		ip("link", "set", this.#cable, "up");
	}

	[Symbol.dispose](): void {
		// The cable goes with the namespace that holds its other end.
		ip("netns", "delete", this.#name);
	}
}

function ip(...words: string[]): void {
	execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
}

function canMakeNetworks(): boolean {
	const name = `covey-probe-${process.pid}`;
	try {
		ip("netns", "add", name);
		ip("netns", "delete", name);
		return true;
	} catch {
		return false;
	}
}
