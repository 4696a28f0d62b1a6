import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { createLogger } from "#kit/logger.ts";
import { meetSupervisor } from "./supervisor.ts";

/** Node has no such sockets. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(repr(s.recv(4096).decode()), flush=True)
`;
const missing = [
	["systemd-notify", "--version"],
	["python3", "--version"],
].some(([program, word]) => spawnSync(program!, [word!]).error !== undefined);

const silent = createLogger({ level: "error", format: "json", write: () => {}, now: Date.now });

it.skipIf(missing)("systemd is told that it is ready, that it lives and that it ends [needs systemd-notify]", async () => {
	const directory = mkdtempSync(join(tmpdir(), "covey-notify-"));
	const socket = join(directory, "notify");
	const child = spawn("python3", ["-c", listener, socket], { stdio: ["ignore", "pipe", "inherit"] });
	try {
		const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
		const heard = async (text: string) => {
			for (;;) {
				const { value, done } = await lines.next();
				if (done || value.includes(text)) return value as string;
			}
		};
		await heard("listening");
		using supervisor = meetSupervisor(silent, { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "100000", PATH: process.env.PATH });
		supervisor.ready("waits for a coordinator");
		expect(await heard("READY=1")).toContain("STATUS=waits for a coordinator");
		expect(await heard("WATCHDOG=1")).toContain("WATCHDOG=1");
		supervisor.stopping();
		expect(await heard("STOPPING=1")).toContain("STOPPING=1");
	} finally {
		child.kill();
		await once(child, "close");
		rmSync(directory, { recursive: true });
	}
});

it("without a service manager nobody is told anything", () => {
	using supervisor = meetSupervisor(silent, {});
	supervisor.ready("");
	supervisor.stopping();
});
