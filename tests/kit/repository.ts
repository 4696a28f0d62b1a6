import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A git repository in a directory of its own, with one commit of `files`. */
export class Repository implements Disposable {
	readonly directory: string;

	constructor(files: Readonly<Record<string, string | Buffer>> = { "README.md": "hello\n" }) {
		this.directory = mkdtempSync(join(tmpdir(), "covey-repository-"));
		this.git("init", "-q", "-b", "main");
		this.git("config", "user.name", "A Tester");
		this.git("config", "user.email", "tester@example.invalid");
		this.write(files);
		this.git("add", "-A");
		this.git("commit", "-q", "-m", "first");
	}

	write(files: Readonly<Record<string, string | Buffer>>): void {
		for (const [name, content] of Object.entries(files)) {
			mkdirSync(dirname(join(this.directory, name)), { recursive: true });
			writeFileSync(join(this.directory, name), content);
		}
	}

	git(...args: string[]): string {
		return execFileSync("git", args, { cwd: this.directory, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
	}

	/** The tree that `git add -A` would record now, found without touching the index. */
	tree(): string {
		const index = join(this.directory, ".git", `index-for-test-${process.pid}`);
		const environment = { ...process.env, GIT_INDEX_FILE: index };
		try {
			execFileSync("git", ["read-tree", "HEAD"], { cwd: this.directory, env: environment });
			execFileSync("git", ["add", "-A"], { cwd: this.directory, env: environment, stdio: "pipe" });
			return execFileSync("git", ["write-tree"], { cwd: this.directory, env: environment, encoding: "utf8" }).trim();
		} finally {
			rmSync(index, { force: true });
		}
	}

	[Symbol.dispose](): void {
		rmSync(this.directory, { recursive: true, force: true });
	}
}
