import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBuildAgentConfig, readJoinToken } from "./build-agent-config.ts";

class Place implements Disposable {
	readonly directory = mkdtempSync(join(tmpdir(), "covey-agent-"));
	readonly file = join(this.directory, "config.toml");

	read(text: string, environment: NodeJS.ProcessEnv = {}) {
		writeFileSync(this.file, text);
		return readBuildAgentConfig(this.file, environment);
	}

	[Symbol.dispose](): void {
		rmSync(this.directory, { recursive: true, force: true });
	}
}

const least = 'serverUrl = "ws://box:8080"\n';

describe("the file of a build agent", () => {
	it("needs no more than an address", async () => {
		using place = new Place();
		expect(await place.read(least)).toEqual({
			serverUrl: "http://box:8080",
			tags: {},
			isolation: 0,
			worktreesMax: 8,
			outputMax: 1024 ** 3,
			gracePeriod: 30_000,
			drainTimeout: 600_000,
			connectTimeout: 10_000,
			reconnectMin: 250,
			reconnectMax: 30_000,
			pingInterval: 30_000,
			pongTimeout: 10_000,
		});
	});

	it.each([
		["ws://box:8080/ws", "http://box:8080"],
		["wss://box", "https://box"],
		["http://[::1]:8000/", "http://[::1]:8000"],
	])("understands the address %s", async (serverUrl, base) => {
		using place = new Place();
		expect(await place.read(`serverUrl = "${serverUrl}"\n`)).toMatchObject({ serverUrl: base });
	});

	it("understands relative paths from its own directory, and %d as what systemd hands over", async () => {
		using place = new Place();
		const text = `${least}joinTokenFile = "%d/join"\nstateDir = "state"\ngitCacheDir = "/git"\n`;
		const credentials = { CREDENTIALS_DIRECTORY: "/run/credentials/x", STATE_DIRECTORY: "/var/lib/other" };
		expect(await place.read(text, credentials)).toMatchObject({
			joinTokenFile: "/run/credentials/x/join",
			stateDir: join(place.directory, "state"),
			gitCacheDir: "/git",
		});
		expect(await place.read(least, credentials)).toMatchObject({ stateDir: "/var/lib/other" });
		await expect(place.read(text)).rejects.toThrow(/:2:1: joinTokenFile: %d is where systemd puts/);
	});

	it.each([
		["", "1:1: serverUrl"],
		['serverUrl = "box:8080"\n', ':1:1: serverUrl: "box:8080" is no coordinator\'s address; write it as in ws://host:8080'],
		['serverUrl = "ftp://box"\n', "is no coordinator's address"],
		['serverUrl = "http://box/elsewhere"\n', "is no coordinator's address"],
		['serverUrl = "ws://me:secret@box:8080"\n', "an address holds no credentials"],
		['serverUrl = ["ws://a:8080", "ws://b:8080"]\n', "one build agent serves one coordinator"],
		[`${least}\n maxJobs = 0\n`, ":3:2: maxJobs"],
		[`${least}maxJobs = "4"\n`, ":2:1: maxJobs"],
		[`${least}jobTimeout = "soon"\n`, ':2:1: jobTimeout: "soon" is no duration'],
		[`${least}jobTimeout = 10\n`, ":2:1: jobTimeout: at least 1s"],
		[`${least}reconnectMin = "2m"\n`, ":2:1: reconnectMin: is longer than reconnectMax"],
		[`${least}pongTimeout = "2m"\n`, ":2:1: pongTimeout: is longer than pingInterval"],
		[`${least}[timeouts]\njob = "1s"\n`, ":2:1: timeouts: no such key"],
		[`${least}[tags]\nBAD = 1\n`, "tags"],
		["serverUrl = \n", ":1:13"],
	])("refuses %j with its place", async (text, says) => {
		using place = new Place();
		const refusal = await place.read(text).catch((error) => error);
		expect(refusal).toMatchObject({ code: "bad_config" });
		expect(refusal.message).toContain(place.file);
		expect(refusal.message).toContain(says);
	});

	it("is missed when it is not there", async () => {
		await expect(readBuildAgentConfig("/nowhere/agent.toml")).rejects.toMatchObject({
			code: "bad_config",
			message: "there is no /nowhere/agent.toml",
		});
	});
});

describe("a join token in a file", () => {
	it("is taken only where nobody else reads it, or where systemd guards it", () => {
		using place = new Place();
		const file = join(place.directory, "credentials", "join");
		mkdirSync(join(place.directory, "credentials"));
		expect(readJoinToken(file, {})).toBeUndefined();
		writeFileSync(file, "token\n", { mode: 0o600 });
		expect(readJoinToken(file, {})).toBe("token");
		writeFileSync(file, "\n");
		expect(readJoinToken(file, {}), "it has joined, and the token was wiped").toBeUndefined();
		writeFileSync(file, "token\n");
		chmodSync(file, 0o440);
		expect(() => readJoinToken(file, {})).toThrow(/can be read by others \(mode 440\)/);
		expect(readJoinToken(file, { CREDENTIALS_DIRECTORY: join(place.directory, "credentials") })).toBe("token");
	});
});
