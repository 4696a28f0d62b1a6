import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeFrame, frameHeaderBytes, type OutputFrame } from "@covey/protocol";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { Outlet } from "./outlet.ts";

/** What a client gets of what `send` gives to its outlet, until the server closes. */
async function received(send: (outlet: Outlet) => void): Promise<(string | OutputFrame)[]> {
	const http = createServer();
	const sockets = new WebSocketServer({ noServer: true });
	http.on("upgrade", (request, socket, head) => {
		sockets.handleUpgrade(request, socket, head, (webSocket) => {
			send(new Outlet(webSocket, socket));
			webSocket.close(1000);
		});
	});
	http.listen(0, "127.0.0.1");
	await once(http, "listening");
	const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
	const messages: (string | OutputFrame)[] = [];
	client.on("message", (data: Buffer, binary) => messages.push(binary ? decodeFrame(data)! : data.toString()));
	const [code] = await once(client, "close");
	http.close();
	expect(code).toBe(1000);
	return messages;
}

const frameOf = (bytes: number): OutputFrame => ({
	kind: "output",
	stream: "stderr",
	channel: 1,
	attempt: 2,
	offset: 3,
	data: Buffer.from(Array.from({ length: bytes }, (_, at) => at % 251)),
	length: bytes,
});

test("frames of any size arrive whole, under the client's own number, and between its messages", async () => {
	const sizes = [0, 1, 8191, 8192, 0xffff - frameHeaderBytes, 0x10000 - frameHeaderBytes, 256 * 1024];
	const messages = await received((outlet) => {
		for (const size of sizes) {
			outlet.sendText(`before ${size}`);
			outlet.sendFrame(7, frameOf(size));
		}
	});
	expect(messages.filter((message) => typeof message === "string")).toEqual(sizes.map((size) => `before ${size}`));
	const frames = messages.filter((message) => typeof message !== "string");
	expect(frames.map(({ length }) => length)).toEqual(sizes);
	for (const frame of frames) expect({ ...frame, data: Buffer.from(frame.data) }).toEqual({ ...frameOf(frame.length), channel: 7 });
});

test("a gap arrives as a gap", async () => {
	const gap: OutputFrame = {
		kind: "gap",
		stream: "stdout",
		channel: 1,
		attempt: 2,
		offset: 3,
		data: new Uint8Array(),
		length: 5_000_000_000,
	};
	const [message] = await received((outlet) => outlet.sendFrame(9, gap));
	expect(message).toMatchObject({ kind: "gap", channel: 9, offset: 3, length: 5_000_000_000 });
});
