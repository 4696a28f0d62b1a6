import { symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

/** Each refusal names the path, and the way out that it names works. */
const cases = [
	{
		what: "a submodule",
		allow: "submodule",
		path: "vendored/library",
		make(repository: Repository, other: Repository) {
			repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.directory, "vendored/library");
			repository.git("commit", "-qm", "with a submodule");
		},
	},
	{
		what: "a file in LFS",
		allow: "lfs",
		path: "model.bin",
		make(repository: Repository) {
			// Without git-lfs on this machine, the filters of a worktree that has it are played by cat.
			for (const direction of ["clean", "smudge"]) repository.git("config", `filter.lfs.${direction}`, "cat");
			const pointer =
				"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
			repository.write({ ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "model.bin": pointer });
		},
	},
	{
		what: "a link out of the worktree",
		allow: "symlink",
		path: "outside",
		make(repository: Repository) {
			symlinkSync("../elsewhere", join(repository.directory, "outside"));
		},
	},
] as const;

test.each(cases)("$what is refused by name, and runs when allowed", async ({ allow, path, make }) => {
	verifies("refuse:submodule", "refuse:lfs", "refuse:escaping-link");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ file: "there\n" });
	using other = new Repository();
	make(repository, other);
	const cwd = repository.directory;
	const refused = await fleet.run(["--", "cat", "file"], { cwd });
	expect(refused.code).toBe(3);
	expect(refused.stderr).toContain(`"${path}"`);
	expect(refused.stderr).toContain(`--allow ${allow}`);
	const allowed = await fleet.run(["--allow", allow, "--", "cat", "file"], { cwd });
	expect(allowed, allowed.stderr).toMatchObject({ code: 0, stdout: Buffer.from("there\n") });
});

test("a 1 GB untracked file is refused before it is read", async () => {
	verifies("refuse:huge-file");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	const cwd = repository.directory;
	repository.write({ "data/dump.img": "" });
	truncateSync(join(cwd, "data/dump.img"), 1024 ** 3);
	const refused = await fleet.run(["--", "true"], { cwd });
	expect(refused.code).toBe(3);
	expect(refused.stderr).toMatch(/"data\/dump\.img" has 1024 MiB; a snapshot takes files up to 256 MiB\n.*\.gitignore/);
	repository.write({ ".gitignore": "data/\n" });
	expect(await fleet.run(["--", "true"], { cwd })).toMatchObject({ code: 0 });
});
