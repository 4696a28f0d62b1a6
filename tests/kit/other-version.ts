import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A coordinator from another time: greets every WebSocket client with `greeting` and understands nothing. */
export async function startOtherVersion(greeting: unknown): Promise<{ readonly url: string } & Disposable> {
	const sockets = new Set<Socket>();
	const server = createServer((_, response) => response.writeHead(404).end());
	server.on("upgrade", (request, socket: Socket) => {
		sockets.add(socket);
		socket.on("error", () => {});
		const accept = createHash("sha1")
			.update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
			.digest("base64");
		socket.write(
			`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
		);
		// One text frame whose length takes two bytes (RFC 6455, 5.2).
		const text = Buffer.from(JSON.stringify(greeting).padEnd(126));
		const header = Buffer.from([0x81, 126, text.length >> 8, text.length & 255]);
		socket.write(Buffer.concat([header, text]));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		[Symbol.dispose]() {
			for (const socket of sockets) socket.destroy();
			server.close();
		},
	};
}
