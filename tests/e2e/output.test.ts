import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { program } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("stdout and stderr come back apart, in full and with nothing added", async () => {
	verifies("output:streams");
	await using fleet = await Fleet.start({ workers: 1 });
	const script = "printf 'one\\ntwo'; printf 'wrong\\n' >&2; printf '\\nthree'; exit 3";
	const { code, stdout, stderr } = await fleet.run(["--no-snapshot", "--", "sh", "-c", script]);
	expect(code).toBe(3);
	expect(stdout.toString()).toBe("one\ntwo\nthree");
	const lines = stderr.split("\n");
	expect(lines.filter((line) => !line.startsWith("covey: "))).toEqual(["wrong", ""]);
});

test("any bytes come back as they were", async () => {
	verifies("output:bytes");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	// Every byte, every pair that breaks UTF-8 in the middle, no newline at the end; cut by pipes wherever they like.
	const bytes = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => (i * 7 + (i >> 8) * 13 + (i >> 16)) & 0xff));
	repository.write({ "any.bin": bytes });
	const { code, stdout, stderr } = await fleet.run(["--", "sh", "-c", "cat any.bin; printf '\\377\\376\\0\\200' >&2"], {
		cwd: repository.directory,
		stderr: "latin1",
	});
	expect(code).toBe(0);
	expect(sha256(stdout)).toBe(sha256(bytes));
	expect(stderr).toContain("\xff\xfe\0\x80");
});

test("one line of 10 MB comes back whole", async () => {
	verifies("output:long-line");
	await using fleet = await Fleet.start({ workers: 1 });
	const script = `process.stdout.write("x".repeat(10_000_000) + "\\n" + "y".repeat(10_000_000))`;
	const { code, stdout } = await fleet.run(["--no-snapshot", "--", program[0], "-e", script]);
	expect(code).toBe(0);
	expect(stdout.length).toBe(20_000_001);
	expect(sha256(stdout)).toBe(sha256(Buffer.from(`${"x".repeat(10_000_000)}\n${"y".repeat(10_000_000)}`)));
});

test("a reader that has seen enough ends the watching and not the run", async () => {
	verifies("output:pipe");
	await using fleet = await Fleet.start({ workers: 1 });
	const words = [...program, "run", "--no-snapshot", "--", "sh", "-c", "seq 1 200000; echo finished"];
	const shell = spawn("bash", ["-c", `"$@" | head -1; echo "${"$"}{PIPESTATUS[0]}"`, "bash", ...words], {
		env: fleet.client.environment,
		stdio: ["ignore", "pipe", "ignore"],
	});
	const said = (await Array.fromAsync(shell.stdout!)).join("");
	expect(said).toBe("1\n141\n");
	const [task] = await fleet.tasks(/finished/);
	expect(await fleet.task(task!.id, ({ status }) => status === "done")).toMatchObject({ outcome: "passed" });
});
