import { lookup } from "node:dns/promises";
import type { RequestListener, Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { CoveyError } from "@covey/protocol";
import type { Logger } from "#kit/logger.ts";
import { createHttpServer, listen, type UpgradeListener } from "./http/server.ts";
import { httpLimits } from "./limits.ts";

export interface ListenersOptions {
	/** 0: any that is free on both loopback addresses. */
	readonly port: number;
	/** Besides loopback. */
	readonly addresses: readonly string[];
	readonly onRequest: RequestListener;
	readonly onUpgrade: UpgradeListener;
	readonly logger: Logger;
}

/** The sockets of this coordinator: loopback, in both families where there are both, and the addresses that it was given. */
export class Listeners {
	readonly #options: ListenersOptions;
	#servers: Server[] = [];
	/** All connections, also those that became WebSockets, which a server counts but does not close. */
	readonly #sockets = new Set<Socket>();

	constructor(options: ListenersOptions) {
		this.#options = options;
	}

	/** @throws CoveyError when loopback or a given address cannot be had. */
	async open(): Promise<void> {
		for (let tries = 0; ; tries++) {
			try {
				await this.#openLoopback();
				break;
			} catch (error) {
				await this.close(0);
				// The port that was free on 127.0.0.1 may be taken on ::1.
				if (this.#options.port !== 0 || tries >= 8) throw error;
			}
		}
		try {
			for (const address of this.#options.addresses) if (!(address in wildcards)) await this.#add(address, this.port);
		} catch (error) {
			await this.close(0);
			throw error;
		}
	}

	get port(): number {
		return (this.#servers[0]?.address() as AddressInfo | null)?.port ?? 0;
	}

	/** As in `127.0.0.1:8000`, `[::1]:8000`. */
	get addresses(): string[] {
		return this.#servers.map((server) => {
			const { address, family, port } = server.address() as AddressInfo;
			return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
		});
	}

	/** Takes no new connections at once; resolves when the open ones have ended, which are cut off after `drainMs`. */
	async close(drainMs: number = httpLimits.drainMs): Promise<void> {
		const servers = this.#servers.splice(0);
		const closing = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
		for (const server of servers) server.closeIdleConnections();
		const timer = setTimeout(() => {
			for (const socket of this.#sockets) socket.destroy();
		}, drainMs);
		await Promise.all(closing);
		clearTimeout(timer);
	}

	async #openLoopback(): Promise<void> {
		// A wildcard holds its family's loopback address too, which could not be bound beside it.
		const [v4 = "127.0.0.1", v6 = "::1"] = Object.keys(wildcards).map((wildcard) =>
			this.#options.addresses.includes(wildcard) ? wildcard : wildcards[wildcard],
		);
		await this.#add(v4, this.#options.port);
		try {
			await this.#add(v6, this.port);
		} catch (error) {
			if (!(error instanceof CoveyError) || error.code !== "unavailable") throw error;
			this.#options.logger.debug("no IPv6 loopback on this machine");
		}
	}

	async #add(host: string, port: number): Promise<void> {
		const { address } = await lookup(host);
		if (address in wildcards) {
			this.#options.logger.warn("listening on every address of this machine: whoever reaches it may try tokens", { address });
		}
		const server = createHttpServer(this.#options.onRequest);
		server.on("upgrade", this.#options.onUpgrade);
		server.on("connection", (socket) => {
			this.#sockets.add(socket);
			socket.once("close", () => this.#sockets.delete(socket));
		});
		await listen(server, address, port);
		this.#servers.push(server);
	}
}

/** Every address of a family, and its loopback address. */
const wildcards: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** How this machine may be called by those who reach it on `addresses`: a wildcard stands for all that it has. */
export function hostNames(addresses: readonly string[]): readonly string[] {
	const own = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
	return addresses.some((address) => address in wildcards) ? [...addresses, ...own] : addresses;
}
