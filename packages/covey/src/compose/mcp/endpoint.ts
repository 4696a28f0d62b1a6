import type { IncomingMessage, ServerResponse } from "node:http";
import type { Fleet } from "@covey/client";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, type McpHttpHandler } from "@modelcontextprotocol/server";
import { loadConfig } from "#compose/config.ts";
import { keepOpen } from "#compose/keep-open.ts";
import type { Logger } from "#kit/logger.ts";
import { CallsUnderWay } from "#mcp/jobs/calls.ts";
import { JobDesk } from "#mcp/jobs/desk.ts";
import { createMcpServer } from "#mcp/server.ts";
import type { McpCaller } from "#ports/mcp.ts";
import { mcpSettings } from "./settings.ts";
import { openWorktree } from "./worktree.ts";

/** One token's place: what it started, and the fleet in its name. */
interface Seat {
	readonly handler: McpHttpHandler;
	readonly close: () => Promise<void>;
	calls: number;
	usedAt: number;
}

export interface EndpointOptions {
	readonly openFleet: (token: string) => Promise<Fleet>;
	readonly logger: Logger;
}

/** A seat that nobody has used for so long is given up; its jobs are handles and found again. */
const idleMs = 30 * 60_000;

/** `/mcp` of the coordinator. Nothing is kept in a connection: each request finds its token's seat. */
export function createEndpoint({ openFleet, logger }: EndpointOptions) {
	const seats = new Map<string, Promise<Seat>>();
	const timer = setInterval(() => void giveUpIdle(), idleMs / 10).unref();

	async function giveUpIdle(): Promise<void> {
		for (const [id, seating] of seats) {
			const seat = await seating.catch(() => undefined);
			if (seat === undefined || seat.calls > 0 || Date.now() - seat.usedAt < idleMs) continue;
			seats.delete(id);
			await seat.close();
		}
	}

	async function takeSeat({ token, worktree: directory }: McpCaller): Promise<Seat> {
		const { settings } = await loadConfig(process.env, "/");
		const worktree = directory === undefined ? undefined : await openWorktree(directory);
		const fleet = keepOpen(() => openFleet(token));
		const desk = new JobDesk(fleet.open, "calls", mcpSettings(settings));
		const calls = new CallsUnderWay();
		const handler = createMcpHandler(({ era }) => createMcpServer({ desk, calls, worktree, settings: mcpSettings(settings), era }), {
			onerror: (error) => logger.debug("an MCP request was refused", { error }),
		});
		const close = async () => {
			await handler.close();
			desk.forget();
			await fleet.close();
		};
		return { handler, close, calls: 0, usedAt: Date.now() };
	}

	return {
		async handle(request: IncomingMessage, response: ServerResponse, caller: McpCaller): Promise<void> {
			let seating = seats.get(caller.tokenId);
			if (seating === undefined) {
				seating = takeSeat(caller);
				seats.set(caller.tokenId, seating);
				seating.catch(() => seats.delete(caller.tokenId));
			}
			const seat = await seating;
			seat.calls++;
			response.once("close", () => {
				seat.calls--;
				seat.usedAt = Date.now();
			});
			await toNodeHandler(seat.handler)(request, response);
		},
		async [Symbol.asyncDispose](): Promise<void> {
			clearInterval(timer);
			for (const seating of seats.values()) await (await seating.catch(() => undefined))?.close();
		},
	};
}
