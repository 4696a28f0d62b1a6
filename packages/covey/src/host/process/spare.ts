import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { setPriority } from "node:os";
import type { Readable } from "node:stream";
import { type ControlGroup, type ControlGroups, prepareControlGroup, removeGroupsOfTheDead } from "./control-group.ts";
import { type Pipe, takePipe } from "./pipe.ts";

/**
 * Processes made ahead: each is a shell in a session and a control group of its own, and waits on its input for the
 * command that it shall become. To enter a control group takes the kernel 5 to 50 ms (it waits for every processor to
 * pass a quiet point), and to fork this process takes a few more; a job that finds a spare waits for neither.
 *
 * A spare is made → taken, once → the command; or its input ends (also when this process is killed), and it exits.
 */
export interface Spares extends AsyncDisposable {
	/** Undefined when none is ready: the caller then starts its process itself. */
	take(): Spare | undefined;
}

/** Disposing ends it if it has not become anything. */
export interface Spare extends AsyncDisposable {
	readonly controlGroup: ControlGroup;
	readonly child: ChildProcess;
	readonly stdout: Readable;
	readonly stderr: Readable;
	/** It becomes this command, with this environment and no other, and without input. Once. */
	become(command: readonly string[], cwd: string, environment: Readonly<Record<string, string>>): void;
}

/** Commands that a spare can become: `env` must not take the program for a variable, and what is very long goes directly. */
export function suitsSpare(command: readonly string[], environment: Readonly<Record<string, string>>): boolean {
	const words = [...command, ...Object.entries(environment).flat()];
	return !command[0]?.includes("=") && words.reduce((sum, word) => sum + word.length, 0) < charactersMax;
}

const charactersMax = 32 * 1024;
const name = "spare";

/** Keeps `count` ready, of the priority `nice`, until disposed. */
export function createSpares(groups: ControlGroups, count: number, nice: number): Spares {
	const ready = new Set<Spare>();
	let made = 0;
	let making = 0;
	/** Set by the first failure: what does not work here is not tried again for each job. */
	let over = false;

	async function make(): Promise<void> {
		if (over || ready.size + making >= count) return;
		making++;
		try {
			const spare = await startSpare(await prepareControlGroup(groups, `${name}-${process.pid}-${made++}`), nice);
			ready.add(spare);
			spare.child.once("exit", () => {
				if (!ready.delete(spare)) return;
				over = true;
				void discard(spare);
			});
			if (over) ready.delete(spare) && (await spare[Symbol.asyncDispose]());
		} catch {
			over = true;
		} finally {
			making--;
		}
	}

	removeGroupsOfTheDead(groups, name);
	const first = Promise.all(Array.from({ length: count }, make));
	return {
		take() {
			const [spare] = ready;
			if (spare === undefined) return undefined;
			ready.delete(spare);
			// Later in this turn of the loop the command has been handed over, and the fork is in nobody's way.
			setImmediate(() => void make());
			return spare;
		},
		async [Symbol.asyncDispose]() {
			over = true;
			await first;
			const left = [...ready];
			ready.clear();
			await Promise.all(left.map((spare) => spare[Symbol.asyncDispose]()));
		},
	};
}

async function startSpare(controlGroup: ControlGroup, nice: number): Promise<Spare> {
	const pipes = [await takePipe(), await takePipe()].filter((pipe) => pipe !== undefined);
	try {
		const [out, error] = pipes as [Pipe, Pipe];
		if (pipes.length < 2) throw new Error("no pipes can be made here");
		const child = spawn("/bin/sh", [], { cwd: "/", env: {}, detached: true, stdio: ["pipe", out.writer, error.writer] });
		// Its end is heard by the exit; a write behind it says no more.
		child.on("error", () => {});
		child.stdin!.on("error", () => {});
		child.stdin!.write(`echo $$ >${quote(`${controlGroup.path}/cgroup.procs`)} || exit 126\nulimit -c 0\n`);
		setPriority(child.pid as number, nice);
		child.unref();
		(child.stdin as Socket).unref();
		let became = false;
		const spare: Spare = {
			controlGroup,
			child,
			stdout: out.reader,
			stderr: error.reader,
			become(command, cwd, environment) {
				became = true;
				child.ref();
				const variables = Object.entries(environment).map(([key, value]) => quote(`${key}=${value}`));
				const words = [...variables, ...command.map(quote)].join(" ");
				child.stdin!.end(`cd ${quote(cwd)} || exit 126\nexec /usr/bin/env -i ${words} </dev/null\n`);
			},
			async [Symbol.asyncDispose]() {
				if (!became) await end(spare);
			},
		};
		return spare;
	} catch (error) {
		for (const { reader } of pipes) reader.destroy();
		await controlGroup.removeSoon();
		throw error;
	} finally {
		for (const { writer } of pipes) closeSync(writer);
	}
}

async function end(spare: Spare): Promise<void> {
	if (spare.child.exitCode === null && spare.child.signalCode === null) {
		const exited = new Promise((resolve) => spare.child.once("exit", resolve));
		spare.child.ref();
		spare.child.stdin!.end();
		await exited;
	}
	await discard(spare);
}

async function discard({ stdout, stderr, controlGroup }: Spare): Promise<void> {
	stdout.destroy();
	stderr.destroy();
	await controlGroup.removeSoon();
}

/** As one word for any shell. */
const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
