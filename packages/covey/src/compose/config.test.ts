import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "./config.ts";
import { paths } from "./paths.ts";

class Home implements Disposable {
	readonly directory = mkdtempSync(join(tmpdir(), "covey-config-"));
	readonly project = join(this.directory, "project", "deep");
	environment: Record<string, string> = { HOME: this.directory, COVEY_SYSTEM_CONFIG: join(this.directory, "system.toml") };

	write(file: string, text: string): void {
		mkdirSync(dirname(file), { recursive: true });
		writeFileSync(file, text);
	}

	load() {
		mkdirSync(this.project, { recursive: true });
		return loadConfig(this.environment, this.project);
	}

	[Symbol.dispose](): void {
		rmSync(this.directory, { recursive: true, force: true });
	}
}

describe("configuration", () => {
	it("is all defaults in an empty home, and says so", async () => {
		using home = new Home();
		const { settings, origins } = await home.load();
		expect(settings.coordinator.port).toBe(8000);
		expect(new Set(origins.map(({ origin }) => origin))).toEqual(new Set(["default"]));
	});

	it("takes environment over project over user over system, and knows where each value came from", async () => {
		using home = new Home();
		const user = paths(home.environment).configFile;
		const project = join(home.directory, "project", ".covey.toml");
		home.write(home.environment.COVEY_SYSTEM_CONFIG!, '[coordinator]\nport = 1000\nlease_ttl = "2h"\n[client]\nnamespace = "system"\n');
		home.write(user, '[coordinator]\nport = 2000\n[client]\nnamespace = "user"\nfallback = "after:3s"\n');
		home.write(project, '[client]\nnamespace = "project"\n');
		home.environment.COVEY_COORDINATOR_PORT = "3000";
		const { settings, origins } = await home.load();
		const origin = (key: string) => origins.find((entry) => entry.key === key)?.origin;
		expect(settings.coordinator).toMatchObject({ port: 3000, lease_ttl: 7_200_000 });
		expect(settings.client).toMatchObject({ namespace: "project", fallback: { afterMs: 3000 } });
		expect(origin("coordinator.port")).toBe("COVEY_COORDINATOR_PORT");
		expect(origin("coordinator.lease_ttl")).toBe(`${home.environment.COVEY_SYSTEM_CONFIG}:3`);
		expect(origin("client.namespace")).toBe(`${project}:2`);
		expect(origin("client.fallback")).toBe(`${user}:5`);
		expect(origin("worker.tags")).toBe("default");
	});

	const broken: readonly { readonly text: string; readonly place: string; readonly says: RegExp }[] = [
		{ text: "[coordinator]\nport = = 3\n", place: ":2:8", says: /config\.toml:2:8/ },
		{ text: "[client]\n\n[coordinator]\n  port = 99999\n", place: ":4:3", says: /coordinator\.port/ },
		{ text: "[coordinator]\nprot = 1\n", place: ":2:1", says: /coordinator\.prot: no such key/ },
		{ text: '[coordinator]\nlease_ttl = "soon"\n', place: ":2:1", says: /"soon" is no duration/ },
		{ text: "[worker.tags]\nBAD = 1\n", place: "", says: /worker\.tags/ },
	];
	for (const { text, place, says } of broken) {
		it(`names file, line and column of ${JSON.stringify(text)}`, async () => {
			using home = new Home();
			const file = paths(home.environment).configFile;
			home.write(file, text);
			const failure = await home.load().catch((error) => error);
			expect(failure).toMatchObject({ code: "bad_config" });
			expect(failure.message).toContain(`${file}${place}`);
			expect(failure.message).toMatch(says);
		});
	}

	it("refuses settings that contradict each other, with the rule", async () => {
		using home = new Home();
		home.environment.COVEY_COORDINATOR_LEASE_TTL = "20s";
		await expect(home.load()).rejects.toThrow(/four times coordinator\.sync_every/);
	});

	it("understands the words of the build pool, in the order of files and variables like any other", async () => {
		using home = new Home();
		const user = paths(home.environment).configFile;
		home.write(home.environment.COVEY_SYSTEM_CONFIG!, '[coordinator]\nlease_ttl = "3m"\nping_every = "20s"\n');
		home.write(user, '[build_pool.timeouts]\nlease = "2m"\nping = "25s"\n');
		home.environment.COVEY_COORDINATOR_PING_EVERY = "30s";
		const { settings, origins } = await home.load();
		expect(settings.coordinator).toMatchObject({ lease_ttl: 120_000, ping_every: 30_000 });
		const found = (key: string) => origins.find((entry) => entry.key === key);
		expect(found("coordinator.lease_ttl")?.origin).toBe(`${user}:2`);
		expect(found("coordinator.ping_every")?.origin).toBe("COVEY_COORDINATOR_PING_EVERY");
		expect(found("build_pool.timeouts.lease")).toMatchObject({ value: 120_000, origin: `${user}:2` });
		expect(found("build_pool.git_daemon.port")).toMatchObject({ value: 9418, origin: "default" });

		home.write(user, '[coordinator]\nlease_ttl = "90s"\n[build_pool.timeouts]\nlease = "2m"\n');
		await expect(home.load()).rejects.toThrow(
			`${user}:4:1: build_pool.timeouts.lease: says otherwise than coordinator.lease_ttl at ${user}:2:1`,
		);
	});

	it("lets a project's file set only what concerns the work, since it travels with a repository", async () => {
		using home = new Home();
		home.write(join(home.project, ".covey.toml"), '[client]\nurl = "http://evil.test"\n');
		await expect(home.load()).rejects.toThrow(/\.covey\.toml:2:1: client\.url: a project file may set only/);
	});

	it("takes what a project's verbs run from the project's file, and from no other", async () => {
		using home = new Home();
		const project = join(home.directory, "project", ".covey.toml");
		home.write(project, '[commands.test]\ncommand = ["make", "check"]\n');
		const { settings, origins } = await home.load();
		expect(settings.commands).toEqual({ test: { command: ["make", "check"] } });
		expect(origins.find(({ key }) => key === "commands.test")?.origin).toBe(`${project}:1`);
		home.write(project, '[commands.test]\ncommand = ["make"]\nparser = "pyest"\n');
		await expect(home.load()).rejects.toThrow(/\.covey\.toml:3:1: commands\.test\.parser: is no parser; there are: auto/);
		home.write(project, '\n[commands.deploy]\nparser = "jest"\n');
		await expect(home.load()).rejects.toThrow(/\.covey\.toml:2:1: commands\.deploy\.command: is missing; only build, clippy, test/);
		home.write(project, "");
		home.write(paths(home.environment).configFile, '[commands.test]\ncommand = ["make"]\n');
		await expect(home.load()).rejects.toThrow(/config\.toml:1:1: commands: what a project's commands are belongs into the \.covey\.toml/);
	});

	it("refuses a file that everybody may write", async () => {
		using home = new Home();
		const file = paths(home.environment).configFile;
		home.write(file, "");
		chmodSync(file, 0o666);
		await expect(home.load()).rejects.toMatchObject({ code: "bad_config", hint: `chmod o-w ${file}` });
	});
});

describe("paths", () => {
	it("follow the XDG variables, and ignore relative ones", () => {
		const found = paths({ HOME: "/h", XDG_STATE_HOME: "/state", XDG_CACHE_HOME: "not/absolute" });
		expect(found.state).toBe("/state/covey");
		expect(found.cache).toBe("/h/.cache/covey");
		expect(found.configFile).toBe("/h/.config/covey/config.toml");
	});
});
