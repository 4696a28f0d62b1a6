import { readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../architecture/sources.ts";
import { Machine, program } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

test("the packed package installs into an empty directory, alone, and runs the main job", async () => {
	verifies("package:installs");
	// The Node that Covey needs; npm and npx are the machine's.
	const path = `${dirname(program[0])}:${process.env.PATH}`;
	await using machine = await Machine.create({ environment: { PATH: path, npm_config_update_notifier: "false" } });
	using repository = new Repository();
	const project = join(machine.home, "project");
	await mkdir(project);
	// Without its scripts: the build is the one that all tests use.
	const packed = await machine.exec(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", machine.home], {
		cwd: join(root, "packages/covey"),
	});
	expect(packed.code, packed.stderr).toBe(0);
	const tarball = join(machine.home, packed.stdout.toString().trim());

	const installed = await machine.exec(["npm", "install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: project });
	expect(installed.code, installed.stderr).toBe(0);
	expect(readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["covey"]);
	const { dependencies = {}, version } = JSON.parse(readFileSync(join(project, "node_modules/covey/package.json"), "utf8"));
	expect(dependencies).toEqual({});

	const said = await machine.exec(["npx", "--offline", "covey", "version"], { cwd: project });
	expect(said, said.stderr).toMatchObject({ code: 0, stdout: Buffer.from(`covey ${version}\n`) });
	const covey = join(project, "node_modules/.bin/covey");
	const run = await machine.exec([covey, "run", "--", "node", "--version"], { cwd: repository.directory });
	expect(run.code, run.stderr).toBe(0);
	expect(run.stdout.toString()).toMatch(/^v\d+\.\d+\.\d+\n$/);
	expect(run.stderr).toMatch(/passed · on local · tree [0-9a-f]{12}/);
});
