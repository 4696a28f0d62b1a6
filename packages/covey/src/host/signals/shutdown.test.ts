import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";

const program = `
	import { onShutdown } from ${JSON.stringify(import.meta.resolve("./shutdown.ts"))};
	const watching = onShutdown((stage, signal) => {
		// Before the answer, since the next signal follows it at once.
		if (stage === "kill") watching[Symbol.dispose]();
		console.log(stage, signal);
	});
	console.log("ready");
	setInterval(() => {}, 1000);
`;

test("the first signal drains, the second stops, the third kills, and once disposed a signal ends the process again", async () => {
	const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
	const exit = once(child, "exit");
	const answers: string[] = [];
	const send: Readonly<Record<string, NodeJS.Signals>> = {
		ready: "SIGTERM",
		"drain SIGTERM": "SIGINT",
		"stop SIGINT": "SIGTERM",
		"kill SIGTERM": "SIGTERM",
	};
	for await (const line of createInterface({ input: child.stdout })) {
		answers.push(line);
		child.kill(send[line]);
	}
	expect(answers).toEqual(["ready", "drain SIGTERM", "stop SIGINT", "kill SIGTERM"]);
	expect(await exit).toEqual([null, "SIGTERM"]);
});
