/** Of a message whose length takes 16 bits; more takes 64. */
const shortBytesMax = 0xffff;

/**
 * The head of a binary WebSocket message from a server, whole and unmasked (RFC 6455 §5.2), with `room` bytes behind
 * it for the beginning of the payload. `ws` frames one buffer at a time: a message in two would be two fragments, which
 * its receiver copies together once more.
 *
 * @param payloadBytes of the message, at least 126; with what fills the room.
 */
export function webSocketHead(payloadBytes: number, room: number): { readonly head: Buffer; readonly roomAt: number } {
	const short = payloadBytes <= shortBytesMax;
	const roomAt = short ? 4 : 10;
	const head = Buffer.allocUnsafe(roomAt + room);
	head[0] = 0x82;
	head[1] = short ? 126 : 127;
	if (short) head.writeUInt16BE(payloadBytes, 2);
	else head.writeBigUInt64BE(BigInt(payloadBytes), 2);
	return { head, roomAt };
}
