import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { anthropic } from "./dialects/anthropic.ts";
import { chat } from "./dialects/chat.ts";
import type { Dialect, Document, Sight, Turn } from "./dialects/dialect.ts";
import { google } from "./dialects/google.ts";
import { responses } from "./dialects/responses.ts";

const dialects: readonly Dialect[] = [anthropic, responses, chat, google];

/** What the model does about a request. It is asked again when a client tries again: let it depend on what it sees alone. */
export type Script = (sight: Sight) => Turn;

/** A model on loopback that follows a script, for the CLIs of all vendors on one port. */
export class ModelServer implements AsyncDisposable {
	readonly url: string;
	/** What was seen by each request that offered tools, oldest first. */
	readonly sights: Sight[] = [];
	/** Requests that nobody here understands; a test of a new client wants none. */
	readonly strange: string[] = [];
	readonly #server: Server;
	readonly #script: Script;

	private constructor(server: Server, script: Script) {
		this.#server = server;
		this.#script = script;
		this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
		server.on("request", (request, response) => void this.#handle(request, response));
	}

	static async start(script: Script): Promise<ModelServer> {
		const server = createServer().listen(0, "127.0.0.1");
		await once(server, "listening");
		return new ModelServer(server, script);
	}

	/** Results that the model was shown in the end. */
	get results(): readonly string[] {
		return this.sights.at(-1)?.results ?? [];
	}

	async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const body = await text(request);
		const path = request.url!;
		const dialect = dialects.find((dialect) => dialect.path.test(path));
		if (dialect) {
			const events = dialect.stream(this.#turn(dialect.see(JSON.parse(body))));
			response.setHeader("content-type", "text/event-stream").end(events.map(eventText).join(""));
			return;
		}
		const beside = dialects.flatMap((dialect) => dialect.beside).find((beside) => beside.path.test(path));
		if (!beside) this.strange.push(`${request.method} ${path}`);
		response.statusCode = beside ? 200 : 404;
		response
			.setHeader("content-type", "application/json")
			.end(JSON.stringify(beside?.answer ?? { error: { message: `nothing at ${path}` } }));
	}

	/** Requests that offer no tools are for titles and the like. */
	#turn(sight: Sight): Turn {
		if (sight.tools.length === 0) return { say: "A title" };
		this.sights.push(sight);
		return this.#script(sight);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#server.closeAllConnections();
		this.#server.close();
		await once(this.#server, "close");
	}
}

/** Calls one of our tools until it sees a result, then repeats that. */
export function callsOnce(tool: string, args: Readonly<Record<string, unknown>> = {}): Script {
	return ({ tools, results }) => {
		if (results.length > 0) return { say: `I saw: ${results.join("\n")}` };
		const call = tools.find(({ name, namespace }) => namedByCovey(name, namespace) === tool);
		return call ? { call, arguments: args } : { say: `There is no ${tool} among ${tools.map(({ name }) => name).join(", ")}` };
	};
}

/** Each client names a server's tool in a way of its own: `mcp__covey__test`, `mcp_covey_test`, `covey_test`. */
function namedByCovey(name: string, namespace = ""): string | undefined {
	if (namespace !== "") return namespace.endsWith("covey") ? name : undefined;
	return /^(?:mcp_+)?covey_+(.+)$/.exec(name)?.[1];
}

function eventText({ event, data }: { readonly event?: string; readonly data: Document }): string {
	return `${event ? `event: ${event}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}
