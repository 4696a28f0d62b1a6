import { expect, test } from "vitest";
import { wireLimits } from "./limits.ts";
import { V1FromWorker, V1ToWorker } from "./link-v1.ts";

/** As published, byte for byte: what other people's workers send and expect. */
const fromWorker = [
	'{"type":"register","worker_id":"builder-1","max_jobs":4}',
	'{"type":"ready","slots":4}',
	'{"type":"output","job_id":"j1","stream":"stdout","data":"compiling\\n"}',
	'{"type":"output","job_id":"j1","stream":"stderr","data":""}',
	'{"type":"complete","job_id":"j1","exit_code":-1}',
	'{"type":"error","job_id":"j1","message":"no space"}',
	'{"type":"pong"}',
];
const toWorker = [
	'{"type":"job","job_id":"j1","repo":"http://x:y@host:8000/git/r","commit":"c0ffee","command":"cargo test","env":{"CI":"1"}}',
	'{"type":"cancel","job_id":"j1"}',
	'{"type":"ping"}',
];

test.each(fromWorker)("A v1 worker's %s is read and written back unchanged", (text) => {
	expect(JSON.stringify(V1FromWorker.parse(JSON.parse(text)))).toBe(text);
});

test.each(toWorker)("The coordinator's %s is written as v1 has it", (text) => {
	expect(JSON.stringify(V1ToWorker.parse(JSON.parse(text)))).toBe(text);
});

test("Fields that v1 does not know are ignored", () => {
	expect(V1FromWorker.parse({ type: "ready", slots: 1, gpu: true })).toEqual({ type: "ready", slots: 1 });
});

const refused = [
	{ title: "a name over the limit", message: { type: "register", worker_id: "n".repeat(wireLimits.nameLengthMax + 1), max_jobs: 1 } },
	{ title: "an empty name", message: { type: "register", worker_id: "", max_jobs: 1 } },
	{ title: "slots over the limit", message: { type: "ready", slots: wireLimits.slotsMax + 1 } },
	{
		title: "output over the limit",
		message: { type: "output", job_id: "j", stream: "stdout", data: "x".repeat(wireLimits.messageBytesMax + 1) },
	},
	{ title: "a third stream", message: { type: "output", job_id: "j", stream: "stdin", data: "" } },
	{ title: "an exit code that is no number", message: { type: "complete", job_id: "j", exit_code: "0" } },
	{ title: "an unknown type", message: { type: "reboot" } },
];

test.each(refused)("$title is refused", ({ message }) => {
	expect(V1FromWorker.safeParse(message).success).toBe(false);
});
