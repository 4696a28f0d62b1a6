import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { CoveyError } from "@covey/protocol";
import type { Guard } from "#coordinator/auth/guard.ts";
import { type ClientSocket, socketPath } from "#coordinator/socket/socket.ts";
import type { LinkServer } from "#coordinator/ws/server.ts";
import type { Logger } from "#kit/logger.ts";
import { asCoveyError } from "./answer.ts";
import { refuseUpgrade, type UpgradeListener } from "./server.ts";

interface UpgradesOptions {
	readonly guard: Guard;
	readonly clients: ClientSocket;
	readonly link: Pick<LinkServer, "handleUpgrade">;
	readonly logger: Logger;
}

/** WebSocket upgrades: guard first, then the client socket or the worker link by path. */
export function createUpgrades({ clients, link, ...options }: UpgradesOptions): UpgradeListener {
	return guarded(options, async (path, request, socket, head) => {
		if (path === socketPath) await clients.upgrade(request, socket, head);
		else if (path === "/ws") link.handleUpgrade(request, socket, head);
		else throw new CoveyError("not_found", `there is no WebSocket at ${path}`, { hint: `clients use ${socketPath}, workers /ws` });
	});
}

/** The same for a door at which only workers are let in; what they fetch besides is at the port `httpPort`. */
export function createWorkerUpgrades({
	link,
	httpPort,
	...options
}: Omit<UpgradesOptions, "clients"> & { readonly httpPort: () => number }): UpgradeListener {
	return guarded(options, async (path, request, socket, head) => {
		if (path !== "/ws") throw new CoveyError("not_found", `there is no WebSocket at ${path}`, { hint: "here is only /ws, for workers" });
		link.handleUpgrade(request, socket, head, httpPort());
	});
}

function guarded(
	{ guard, logger }: Pick<UpgradesOptions, "guard" | "logger">,
	admit: (path: string, ...upgrade: Parameters<UpgradeListener>) => Promise<void>,
): UpgradeListener {
	async function enter(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
		guard.check(request);
		await admit((request.url ?? "").split("?", 1)[0] as string, request, socket, head);
	}

	return (request, socket, head) => {
		const ignore = () => socket.destroy();
		socket.on("error", ignore);
		enter(request, socket, head).then(
			() => socket.off("error", ignore),
			(error: unknown) => {
				if (!(error instanceof CoveyError)) logger.error("an upgrade failed", { error });
				refuseUpgrade(socket, asCoveyError(error));
			},
		);
	};
}
