import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort, listening, quit } from "./server.ts";

/**
 * An OpenSSH server on loopback with keys and a configuration of its own, in its best shape: no PAM, no DNS, a fast key
 * exchange and cipher, a plain login shell that reads no start-up file, and a master connection for those who want it.
 * Where we are root the server lives in a mount namespace in which the account has `/bin/sh` and an empty home.
 */
export class SshPeer implements AsyncDisposable {
	readonly #directory: string;
	readonly #server: ChildProcess;
	readonly shell: string;

	private constructor(directory: string, server: ChildProcess, shell: string) {
		this.#directory = directory;
		this.#server = server;
		this.shell = shell;
	}

	/** Of `ssh` and `rsync -e`: a new connection each time, or over the master. */
	words(connection: "new" | "shared"): string[] {
		return ["ssh", "-F", join(this.#directory, connection)];
	}

	/** A command line that runs `command` there. */
	command(connection: "new" | "shared", ...command: string[]): string[] {
		return [...this.words(connection), host, ...command];
	}

	/** A directory that is there for the peer's files. */
	get home(): string {
		return join(this.#directory, "home");
	}

	static async start(): Promise<SshPeer> {
		const directory = mkdtempSync(join(tmpdir(), "covey-ssh-"));
		const port = await freePort();
		mkdirSync(join(directory, "home"));
		for (const name of ["host-key", "user-key"])
			execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(directory, name)]);
		writeConfiguration(directory, port);
		const { words, shell } = serverCommand(directory);
		const [program, ...rest] = words as [string, ...string[]];
		const server = spawn(program, rest, { stdio: ["ignore", "ignore", "inherit"] });
		const peer = new SshPeer(directory, server, shell);
		try {
			await listening(port, server);
			execFileSync("ssh", peer.command("shared", "true").slice(1), { stdio: ["ignore", "ignore", "inherit"] });
		} catch (error) {
			await peer[Symbol.asyncDispose]();
			throw error;
		}
		return peer;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		try {
			execFileSync("ssh", [...this.words("shared").slice(1), "-O", "exit", host], { stdio: "ignore" });
		} catch {
			// There is no master: it never came to that.
		}
		await quit(this.#server);
		rmSync(this.#directory, { recursive: true, force: true });
	}
}

const host = "peer";

function writeConfiguration(directory: string, port: number): void {
	const at = (name: string): string => join(directory, name);
	const publicKey = (name: string): string => readFileSync(at(`${name}.pub`), "utf8");
	writeFileSync(at("authorized_keys"), publicKey("user-key"));
	writeFileSync(at("known_hosts"), `[127.0.0.1]:${port} ${publicKey("host-key")}`);
	writeFileSync(
		at("sshd_config"),
		[
			`ListenAddress 127.0.0.1:${port}`,
			`HostKey ${at("host-key")}`,
			`AuthorizedKeysFile ${at("authorized_keys")}`,
			`PidFile none`,
			`SetEnv HOME=${at("home")}`,
			"AuthenticationMethods publickey",
			"PermitRootLogin prohibit-password",
			"StrictModes no",
			"UsePAM no",
			"UseDNS no",
			"PrintMotd no",
			"PrintLastLog no",
			"PermitUserRC no",
			"MaxSessions 100",
			"MaxStartups 100",
			"LogLevel QUIET",
		].join("\n"),
	);
	const client = [
		`Host ${host}`,
		"HostName 127.0.0.1",
		`Port ${port}`,
		`User ${userInfo().username}`,
		`IdentityFile ${at("user-key")}`,
		"IdentitiesOnly yes",
		`UserKnownHostsFile ${at("known_hosts")}`,
		"GlobalKnownHostsFile none",
		"BatchMode yes",
		"PreferredAuthentications publickey",
		"KexAlgorithms curve25519-sha256",
		"Ciphers aes128-gcm@openssh.com",
		"LogLevel ERROR",
	];
	writeFileSync(at("new"), [...client, "ControlPath none"].join("\n"));
	writeFileSync(at("shared"), [...client, "ControlMaster auto", "ControlPersist 600", `ControlPath ${at("master")}`].join("\n"));
}

/** Of sshd, and which shell it gives. `useradd` would do the same for longer than this bench runs. */
function serverCommand(directory: string): { words: string[]; shell: string } {
	const server = ["/usr/sbin/sshd", "-D", "-e", "-f", join(directory, "sshd_config")];
	const { username, shell } = userInfo();
	if (process.getuid?.() !== 0) return { words: server, shell: shell ?? "unknown" };
	mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
	const accounts = readFileSync("/etc/passwd", "utf8").split("\n");
	const plain = accounts.map((line) => {
		const fields = line.split(":");
		return fields[0] === username ? [...fields.slice(0, 5), join(directory, "home"), "/bin/sh"].join(":") : line;
	});
	writeFileSync(join(directory, "passwd"), plain.join("\n"));
	const script = `mount --bind "$0/passwd" /etc/passwd && exec ${server.map((word) => `'${word}'`).join(" ")}`;
	return { words: ["unshare", "--mount", "sh", "-c", script, directory], shell: "/bin/sh" };
}
