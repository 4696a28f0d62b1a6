import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Machine } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { broughtProgram, needs, wanted } from "./brought.ts";

/** Of the official suite those that need no fixtures of its own on the server. */
const scenarios = ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"] as const;

/** `url` for a client that cannot send a token: adds the header to each request and changes nothing else. */
async function withToken(url: string, token: string): Promise<AsyncDisposable & { readonly url: string }> {
	const door = createServer((asked, answer) => {
		const headers = { ...asked.headers, authorization: `Bearer ${token}` };
		const passed = request(new URL(asked.url!, url), { method: asked.method!, headers }, (response) => {
			answer.writeHead(response.statusCode!, response.headers);
			response.pipe(answer);
		});
		passed.on("error", () => answer.destroy());
		answer.on("close", () => passed.destroy());
		asked.pipe(passed);
	}).listen(0, "127.0.0.1");
	await once(door, "listening");
	return {
		url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
		async [Symbol.asyncDispose]() {
			door.closeAllConnections();
			door.close();
			await once(door, "close");
		},
	};
}

test.skipIf(!wanted("conformance")).each(scenarios)(`/mcp conforms: %s ${needs}`, { timeout: 60_000 }, async (scenario) => {
	await using fleet = await Fleet.start();
	using repository = new Repository();
	await using door = await withToken(fleet.url, (await fleet.token("mcp", "--worktree", repository.directory)).trim());
	await using machine = await Machine.create();
	const words = ["server", "--url", `${door.url}/mcp`, "--scenario", scenario];
	const { code, stdout, stderr } = await machine.exec([broughtProgram("conformance"), ...words]);
	expect(code, `${stdout}${stderr}`).toBe(0);
});
