import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { program } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

const hasTmux = (process.env.PATH ?? "").split(delimiter).some((directory) => existsSync(join(directory, "tmux")));

test.skipIf(!hasTmux)("the screen shows what there is, and its keys do what they say [needs tmux]", { timeout: 90_000 }, async () => {
	verifies("top:screen");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	using repository = new Repository();
	const cwd = repository.directory;
	const run = (text: string) => fleet.run(["--detach", "--no-merge", "--", "sh", "-c", `echo ${text} speaks; ${gate.wait}`], { cwd });
	const [first] = [
		(await run("first")).stdout.toString().trim(),
		(await run("second")).stdout.toString().trim(),
		(await run("third")).stdout.toString().trim(),
	];
	const socket = join(fleet.client.home, "tmux");
	const tmux = (...words: string[]) => execFileSync("tmux", ["-S", socket, ...words], { encoding: "utf8", env: fleet.client.environment });
	const screen = () => tmux("capture-pane", "-p");
	tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", [...program, "top"].join(" "));
	try {
		await expect.poll(screen, { timeout: 20_000 }).toMatch(/RUNNING\n.*worker-1.*first speaks/);
		// A busy machine keeps its second slot free.
		expect(screen()).toMatch(/worker-1 +[12]\/2 +\[#[#.]\]/);
		expect(screen()).toMatch(/WAITING\n(.*second.*\n)?.*third/);
		expect(
			Math.max(
				...screen()
					.split("\n")
					.map((line) => line.length),
			),
		).toBeLessThanOrEqual(80);
		tmux("send-keys", "Down");
		tmux("send-keys", "d");
		await expect.poll(screen).toContain("Let worker-1 take no new work? y/n");
		tmux("send-keys", "y");
		await expect.poll(screen, { timeout: 10_000 }).toContain("draining");
		tmux("send-keys", "Down");
		tmux("send-keys", "l");
		await expect.poll(screen, { timeout: 10_000 }).toMatch(/^log of .*\nfirst speaks/);
		tmux("send-keys", "q");
		await expect.poll(screen).toContain("RUNNING");
		tmux("send-keys", "w");
		await expect.poll(screen, { timeout: 10_000 }).toMatch(/^why .*\nworker-1/);
		tmux("send-keys", "q");
		await expect.poll(screen).toContain("RUNNING");
		tmux("send-keys", "c");
		await expect.poll(screen).toContain("? y/n");
		tmux("send-keys", "y");
		expect(await fleet.task(first!, ({ endedAt }) => endedAt !== undefined)).toMatchObject({ outcome: "cancelled" });
		await expect.poll(screen, { timeout: 10_000 }).toMatch(/ENDED\n.*cancelled/);
	} finally {
		tmux("kill-server");
	}
});

test("without a terminal it writes lines", async () => {
	verifies("top:lines");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	const once = await fleet.client.covey(["top", "--once"]);
	expect(once).toMatchObject({
		code: 0,
		stdout: expect.toSatisfy((out: Buffer) => /worker worker-1 connected 0\/2\n/.test(out.toString())),
	});
	const watching = await fleet.client.start(["top"], {});
	await watching.says(/worker worker-1/, "stdout");
	await fleet.run(["--", "sh", "-c", "true # seen"], { cwd: repository.directory });
	await watching.says(/t_\w+ passed on worker-1 "sh -c true # seen"/, "stdout");
	watching.child.kill("SIGTERM");
	await watching.ended;
});
