import { integer, pairs } from "./arguments.ts";
import type { Option } from "./command.ts";

/** What a worker may be told when it starts; the rest stands in the configuration. */
export interface WorkerFlags {
	readonly slots?: number;
	readonly tag?: Readonly<Record<string, string>>;
}

export const workerOptions: readonly Option[] = [
	{ flags: "--slots <number>", about: "tasks at once (default: half the cores)", parse: integer },
	{ flags: "--tag <key=value>", about: "a tag that runs can ask for; may be repeated", parse: pairs },
];
