// `npm test`, which is also what CI runs: sets itself up, then every check and every test.
// Its last line is `N passed, N failed, N skipped`; each check counts as one.
//   --only checks|core|tests|simulation   one part
//   --only agents                         a part that is never run unasked: real agents' CLIs, brought by tools/agents.mjs
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { installDebianPackages } from "./debian.mjs";
import { setUp } from "./setup.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules", ".bin");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;
const scratch = mkdtempSync(join(tmpdir(), "covey-test-"));
const environment = {
	...process.env,
	PATH: `${join(root, "node_modules", "node", "bin")}:${bin}:${process.env.PATH}`,
	FORCE_COLOR: "0",
	NO_COLOR: "1",
};

const checks = [
	["format and lint", "biome", ["ci", "--log-kind=compact", "."]],
	["types", "tsc", ["-p", "."]],
	["promises", "oxlint", ["--type-aware", "-c", "tools/oxlint.json", "packages", "tests", "bench"]],
	["unused code and dependencies", "knip", []],
	["the program builds", "node", ["tools/build.mjs", "--clean"]],
	["the package is well-formed", "publint", ["packages/covey"]],
];

const total = { passed: 0, failed: 0, skipped: 0 };
const skips = new Map();
/** What is said again just above the last line: whoever sees only the end of a long log sees what failed. */
const failures = [];

try {
	await setUp();
	if (wants("tests")) installDebianPackages();
	if (wants("checks")) for (const check of checks) await runCheck(...check);
	if (wants("core")) await runVitest("core, every line and branch", ["--coverage", "packages/covey/src/core"]);
	if (wants("tests")) await runVitest("everything else", ["--exclude", "packages/covey/src/core/**"]);
	if (only === "agents") {
		await runCheck("the agents' CLIs are there", "node", ["tools/agents.mjs"], true);
		await runVitest("real agents' CLIs", ["tests/agents"], { COVEY_TEST_AGENTS: "1" });
	}
	if (wants("simulation"))
		await runCheck("simulation: the corpus, then a minute of fresh seeds", "node", ["tests/simulation/main.ts", "--ci"], true);
} catch (error) {
	fail("set-up", error.message);
} finally {
	rmSync(scratch, { recursive: true, force: true });
}
for (const failure of failures) process.stdout.write(`FAILED ${failure}\n`);
for (const [reason, count] of skips) process.stdout.write(`skipped ${count} × ${reason}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

function wants(part) {
	return only === undefined || only === part;
}

async function runCheck(title, command, args, loud = false) {
	const { code, output, seconds } = await run(command, args, { loud });
	if (code === 0) total.passed++;
	else fail(title, loud ? "its own lines stand above" : output);
	process.stdout.write(`${code === 0 ? "ok  " : "FAIL"} ${title} (${seconds} s)\n`);
	if (code !== 0 && !loud) process.stdout.write(`${output}\n`);
}

async function runVitest(title, args, more = {}) {
	const file = join(scratch, `${total.passed}.json`);
	const words = ["run", "--reporter=dot", "--reporter=json", `--outputFile.json=${file}`, ...args];
	const { code, output, seconds } = await run("vitest", words, { more });
	let report;
	try {
		report = JSON.parse(readFileSync(file, "utf8"));
	} catch {
		process.stdout.write(`FAIL ${title}: vitest ended with ${code} and no report\n${output}\n`);
		fail(title, `no report: ${lastLines(output)}`);
		return;
	}
	const skipped = report.numPendingTests + report.numTodoTests;
	total.passed += report.numPassedTests;
	total.skipped += skipped;
	noteSkips(report);
	for (const file of report.testResults) {
		for (const test of file.assertionResults.filter((test) => test.status === "failed"))
			fail(`${relative(root, file.name)} > ${test.fullName}`, test.failureMessages.join("\n"));
	}
	// A red coverage threshold, a file that cannot be loaded or a leaked error fails the run without a failed test.
	if (code !== 0 && report.numFailedTests === 0) fail(title, lastLines(output));
	process.stdout.write(
		`${code === 0 ? "ok  " : "FAIL"} ${title}: ${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped (${seconds} s)\n`,
	);
	if (code !== 0) process.stdout.write(`${dotless(output)}\n`);
}

/** Without the lines of dots of the thousand tests that passed, and without what a test wrote that is no text. */
function dotless(output) {
	return output
		.replaceAll(/[^\t\n\x20-\x7e\u00a0-\uffff]/g, "")
		.split("\n")
		.map((line) => line.replace(/^·+|·+$/gu, ""))
		.filter((line) => line !== "")
		.join("\n");
}

function fail(title, reason) {
	total.failed++;
	failures.push(`${title}\n  ${reason.trim().split("\n").slice(0, 12).join("\n  ").slice(0, 1500)}`);
}

function lastLines(output) {
	return output.trim().split("\n").slice(-12).join("\n");
}

/** A skipped test names its reason in its title, in brackets, as in "… [needs network namespaces]". */
function noteSkips(report) {
	for (const test of report.testResults.flatMap((file) => file.assertionResults)) {
		if (test.status !== "pending" && test.status !== "skipped" && test.status !== "todo") continue;
		const reason = /\[([^\]]+)\]/.exec(test.fullName)?.[1] ?? test.fullName;
		skips.set(reason, (skips.get(reason) ?? 0) + 1);
	}
}

function run(command, args, { loud = false, more = {} }) {
	const started = Date.now();
	return new Promise((resolve) => {
		const child = spawn(command, args, { cwd: root, env: { ...environment, ...more }, stdio: ["ignore", "pipe", "pipe"] });
		let output = "";
		for (const stream of [child.stdout, child.stderr]) {
			stream.on("data", (chunk) => {
				if (loud) process.stdout.write(chunk);
				else if (output.length < 4_000_000) output += chunk;
			});
		}
		child.on("error", (error) => resolve({ code: 127, output: error.message, seconds: 0 }));
		child.on("close", (code) => resolve({ code: code ?? 1, output, seconds: Math.round((Date.now() - started) / 100) / 10 }));
	});
}
