import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** A port of loopback that nobody has now. */
export async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, "close");
	return port;
}

/** Resolves when somebody listens on the port. Fails when the server ends first, or after 20 s. */
export async function listening(port: number, server: ChildProcess): Promise<void> {
	for (let tries = 0; tries < 1000; tries++) {
		if (server.exitCode !== null || server.signalCode !== null) throw new Error(`${server.spawnfile} ended at once`);
		const socket = connect(port, "127.0.0.1");
		const open = await Promise.race([once(socket, "connect").then(() => true), once(socket, "error").then(() => false)]).catch(() => false);
		socket.destroy();
		if (open) return;
		await wait(20);
	}
	throw new Error(`nobody listens on ${port}`);
}

/** Ends a server that we started, and waits for it. */
export async function quit(server: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
	if (server.exitCode !== null || server.signalCode !== null) return;
	server.kill(signal);
	await once(server, "exit");
}
