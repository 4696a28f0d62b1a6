// Runs a script of this checkout on its own Node 24, whatever Node started this: node tools/node24.mjs FILE [ARGUMENT…]
import { spawn } from "node:child_process";
import { node24, setUp } from "./setup.mjs";

await setUp();
const child = spawn(node24, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
