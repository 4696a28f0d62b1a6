import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readBuildAgentConfig } from "#compose/build-agent-config.ts";
import { loadConfig } from "#compose/config.ts";
import { root } from "../architecture/sources.ts";
import { analyzeUnit, noSystemdAnalyze, parseUnit, type UnitLine } from "../kit/unit-file.ts";

interface Service {
	readonly path: readonly string[];
	readonly restartTriggers: readonly string[];
	readonly environment: Readonly<Record<string, string>>;
	readonly serviceConfig: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

interface Evaluated {
	readonly services: Readonly<Record<string, Service>>;
	readonly firewall: readonly number[];
	readonly files: Readonly<Record<string, { readonly stored: string; readonly value: Record<string, unknown> }>>;
	/** Messages of the assertions that do not hold. */
	readonly failed: readonly string[];
}

const noNix = spawnSync("nix-instantiate", ["--version"]).error !== undefined;
const directory = mkdtempSync(join(tmpdir(), "covey-nix-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Real Nix, with a stand-in for nixpkgs; see tests/kit/nix. @throws with Nix's own words. */
function evaluate(configuration: string): Evaluated {
	const file = join(directory, "configuration.nix");
	writeFileSync(file, `{ lib, pkgs, ... }: {\n${configuration}\n}\n`);
	const words = ["--eval", "--strict", "--json", "--option", "substituters", "", "--arg", "configuration", file];
	const environment = { ...process.env, HOME: directory };
	return JSON.parse(
		execFileSync("nix-instantiate", [...words, join(root, "tests/kit/nix/evaluate.nix")], {
			env: environment,
			encoding: "utf8",
			stdio: "pipe",
		}),
	);
}

const toml = (values: Record<string, unknown>): string =>
	Object.entries(values)
		.map(([key, value]) => `${key} = ${inline(value)}\n`)
		.join("");

function inline(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	const pairs = Object.entries(value).map(([key, inner]) => `${key} = ${inline(inner)}`);
	return `{ ${pairs.join(", ")} }`;
}

/** The unit as NixOS would write it. */
function unitOf({ serviceConfig, environment }: Service): UnitLine[] {
	const written = (value: unknown): string[] =>
		Array.isArray(value) ? value.map(String) : [typeof value === "boolean" ? (value ? "yes" : "no") : String(value)];
	return [
		...Object.entries(serviceConfig).flatMap(([key, value]) => written(value).map((text): UnitLine => ["Service", key, text])),
		...Object.entries(environment).map(([name, value]): UnitLine => ["Service", "Environment", `"${name}=${value}"`]),
	];
}

const worker = (more = "", settings = "") => `
	services.covey-worker = {
		enable = true;
		package = pkgs.covey;
		${more}
		settings = { serverUrl = "ws://builder:8080"; ${settings} };
	};`;
const coordinator = (more = "", settings = "") => `
	services.covey-coordinator = { enable = true; package = pkgs.covey; ${more} settings = { ${settings} }; };`;

describe.skipIf(noNix)("the NixOS module [needs nix-instantiate]", () => {
	it("makes nothing of what is not enabled", () => {
		expect(evaluate("")).toEqual({ services: {}, firewall: [], files: {}, failed: [] });
	});

	it("makes of the worker a unit that reads its file, with its token as a credential and Nix, git and bash on its PATH", async () => {
		const { services, files, firewall, failed } = evaluate(
			worker(
				'joinTokenFile = "/run/keys/join"; extraPackages = [ pkgs.gnumake ];',
				'maxJobs = 4; jobTimeout = "1h"; tags.kind = "big"; worktreesMax = 3;',
			),
		);
		expect(failed).toEqual([]);
		expect(firewall).toEqual([]);
		const { path, restartTriggers, serviceConfig } = services["covey-worker"]!;
		expect(serviceConfig.ExecStart).toMatch(/^\/nix\/store\/\w+-covey\/bin\/covey worker start --config \/etc\/build-agent\/config\.toml$/);
		expect(serviceConfig.LoadCredential).toEqual(["join-token:/run/keys/join"]);
		for (const name of ["nix", "git", "bash", "systemd", "bubblewrap", "gnumake"])
			expect(
				path.some((one) => one.endsWith(`-${name}`)),
				name,
			).toBe(true);
		const { stored, value } = files["build-agent/config.toml"]!;
		expect(restartTriggers).toEqual([stored]);
		// Where the token is stands nowhere in the store, let alone the token.
		expect(JSON.stringify(value)).not.toContain("/run/keys");
		const file = join(directory, "config.toml");
		writeFileSync(file, toml(value));
		expect(await readBuildAgentConfig(file, { CREDENTIALS_DIRECTORY: "/run/credentials/covey-worker.service" })).toMatchObject({
			serverUrl: "http://builder:8080",
			maxJobs: 4,
			jobTimeout: 3_600_000,
			drainTimeout: 600_000,
			worktreesMax: 3,
			tags: { kind: "big" },
			gitCacheDir: "/var/cache/covey-worker/git",
			worktreeDir: "/var/cache/covey-worker/worktrees",
			joinTokenFile: "/run/credentials/covey-worker.service/join-token",
		});
	});

	it("makes of the coordinator a unit with the configuration of its settings, and opens ports only when told", async () => {
		const settings = `
			coordinator.port = 8001;
			log.level = "debug";
			build_pool = {
				enabled = true;
				git_daemon = { enabled = true; repositories = [ "/srv/git/a.git" ]; };
				local_fallback = { slots = 2; after = "5s"; };
				timeouts = { lease = "2m"; sync = "20s"; ping = "20s"; pong = "5s"; job = "30m"; environment = "3m"; };
			};`;
		const { services, files, firewall, failed } = evaluate(coordinator("openFirewall = true;", settings));
		expect(failed).toEqual([]);
		expect(firewall, "never git daemon's").toEqual([8001, 8080]);
		expect(evaluate(coordinator("", settings)).firewall).toEqual([]);
		const { serviceConfig, restartTriggers } = services["covey-coordinator"]!;
		expect(serviceConfig.ExecStart).toMatch(/\/bin\/covey up --drain-timeout 300s$/);
		const { stored, value } = files["covey/config.toml"]!;
		expect(restartTriggers).toEqual([stored]);
		const file = join(directory, "covey.toml");
		writeFileSync(file, toml(value));
		const { settings: read } = await loadConfig({ HOME: directory, COVEY_SYSTEM_CONFIG: file }, directory);
		expect(read).toMatchObject({
			coordinator: { port: 8001, lease_ttl: 120_000, sync_every: 20_000, ping_every: 20_000, pong_within: 5000, local_slots: 2 },
			client: { fallback: { afterMs: 5000 } },
			mcp: { timeout: 1_800_000 },
			worker: { environment_timeout: 180_000 },
			build_pool: { enabled: true, port: 8080, git_daemon: { enabled: true, port: 9418, repositories: ["/srv/git/a.git"] } },
			log: { level: "debug" },
		});
	});

	it.each([
		["joinTokenFile is in the store", worker('joinTokenFile = "/nix/store/0-secret";')],
		["joinTokenFile is no absolute path", worker('joinTokenFile = "secret";')],
		["is no coordinator's address", worker("", 'serverUrl = lib.mkForce "builder:8080";')],
		["set joinTokenFile beside settings", worker("", 'joinTokenFile = "/x";')],
		["set drainSeconds", worker("", 'drainTimeout = "1m";')],
		["they name nothing", coordinator("", "build_pool.git_daemon.enabled = true;")],
		["is disabled and has slots", coordinator("", "build_pool.local_fallback = { enabled = false; slots = 2; };")],
	])("asserts: %s", (message, configuration) => {
		const wrong = configuration.replace('serverUrl = "ws://builder:8080"; serverUrl', "serverUrl");
		expect(evaluate(wrong).failed).toEqual([expect.stringContaining(message)]);
	});

	it.each([
		[
			"a path literal as a secret, which would be copied into the store",
			worker("joinTokenFile = ./token;"),
			"joinTokenFile' is not of type",
		],
		["a type that is wrong", worker("", 'maxJobs = "four";'), "maxJobs' is not of type"],
		["an option that is none", coordinator("prot = 1;"), "prot' does not exist"],
		["no address", "services.covey-worker = { enable = true; package = pkgs.covey; };", "serverUrl' was accessed but has no value"],
	])("refuses %s", (_, configuration, says) => {
		expect(() => evaluate(configuration)).toThrow(says);
	});

	it.each(["covey-coordinator", "covey-worker"])("says of %s what the unit in the package says", (name) => {
		const { services } = evaluate(worker('joinTokenFile = "/etc/build-agent/join-token";') + coordinator());
		const shipped = parseUnit(readFileSync(join(root, `packages/covey/units/${name}.service`), "utf8"));
		// Paths and the environment are each system's own; times are written in other units.
		const own = ["ExecStart", "Environment", "TimeoutStopSec"];
		const lines = (unit: readonly UnitLine[]) =>
			unit.flatMap(([section, key, value]) => (section === "Service" && !own.includes(key) ? [`${key}=${value}`] : [])).sort();
		expect(lines(unitOf(services[name]!))).toEqual(lines(shipped));
	});

	it.skipIf(noSystemdAnalyze)("makes units that systemd understands [needs systemd-analyze]", () => {
		const { services } = evaluate(worker('joinTokenFile = "/run/keys/join";') + coordinator());
		for (const [name, service] of Object.entries(services))
			expect(analyzeUnit(`${name}.service`, unitOf(service)).complaints, name).toBe("");
	});
});
