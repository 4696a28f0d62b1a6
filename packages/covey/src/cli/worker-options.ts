import { integer, pairs } from "./arguments.ts";
import type { Option } from "./command.ts";

/** What a worker may be told when it starts; the rest stands in the configuration. */
export interface WorkerFlags {
	readonly name?: string;
	readonly slots?: number;
	readonly tags?: Readonly<Record<string, string>>;
}

export const workerOptions: readonly Option[] = [
	{ flags: "--slots <number>", about: "tasks at once (default: half the cores)", parse: integer },
	{ flags: "--tags <key=value>", about: "a tag that runs can ask for; may be repeated", parse: pairs },
];
