import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A home of its own, with a committed repository in it. */
export interface Home extends Disposable {
	readonly directory: string;
	readonly repository: string;
	readonly environment: NodeJS.ProcessEnv;
}

export function createHome(): Home {
	const directory = mkdtempSync(join(tmpdir(), "covey-cli-"));
	const repository = join(directory, "project");
	const environment = { PATH: process.env.PATH, HOME: directory, LANG: "C.UTF-8" };
	const git = (...words: string[]) => execFileSync("git", words, { cwd: directory, env: environment, stdio: "ignore" });
	git("init", "-q", repository);
	writeFileSync(join(repository, "file.txt"), "content\n");
	git("-C", repository, "add", "-A");
	git("-C", repository, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm", "first");
	return { directory, repository, environment, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

export interface Covey extends AsyncDisposable {
	readonly child: ChildProcess;
	/** How the process ended, and all that it wrote. */
	readonly ended: Promise<{
		readonly code: number | null;
		readonly signal: string | null;
		readonly stdout: Buffer;
		readonly stderr: string;
	}>;
	/** Resolves when stderr holds this text. */
	said(text: string): Promise<void>;
}

const main = resolve(import.meta.dirname, "..", "main.ts");

/** The real program as a process. */
export function startCovey(
	words: readonly string[],
	options: { readonly home: Home; readonly cwd?: string; readonly environment?: NodeJS.ProcessEnv; readonly input?: string },
): Covey {
	const { home, cwd = home.repository, environment, input } = options;
	const child = spawn(process.execPath, [main, ...words], {
		cwd,
		env: { ...home.environment, ...environment },
		stdio: ["pipe", "pipe", "pipe"],
	});
	child.stdin.end(input ?? "");
	const stdout: Buffer[] = [];
	let stderr = "";
	let check = () => {};
	child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
	child.stderr.on("data", (chunk) => {
		stderr += chunk;
		check();
	});
	const ended = new Promise<Awaited<Covey["ended"]>>((settle) =>
		child.once("close", (code, signal) => settle({ code, signal, stdout: Buffer.concat(stdout), stderr })),
	);
	return {
		child,
		ended,
		said: (text) =>
			new Promise((settle, refuse) => {
				check = () => stderr.includes(text) && settle();
				check();
				void ended.then(() => refuse(new Error(`it never said ${JSON.stringify(text)}, but: ${stderr}`)));
			}),
		async [Symbol.asyncDispose]() {
			if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
			await ended;
		},
	};
}
