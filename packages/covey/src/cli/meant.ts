import type { Fleet } from "@covey/client";
import { CoveyError } from "@covey/protocol/errors";
import type { WorkerView } from "@covey/protocol/worker";
import { closest } from "#kit/closest.ts";
import { plain } from "./table.ts";
import { say, talkStyle } from "./terminal.ts";

/** What a person asked of a worker. */
export interface Wanted {
	readonly machine?: string | undefined;
	readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** The same error; that of a worker that is not there also says what the person may have meant. Only then is the coordinator asked. */
export async function withMeant(fleet: Fleet, error: unknown, wanted: Wanted): Promise<unknown> {
	if (!(error instanceof CoveyError) || (error.code !== "not_found" && error.code !== "no_worker")) return error;
	const question = await questionOf(fleet, wanted);
	if (question === undefined) return error;
	const { code, message, hint, details } = error;
	return new CoveyError(code, message, { hint: hint === undefined ? question : `${question} If not: ${hint}`, details, cause: error });
}

/** A hint is worth no longer wait. */
const sayMeantMs = 1000;

/** Says what may have been meant, if that can be told soon. */
export async function sayMeant(fleet: Fleet, wanted: Wanted): Promise<void> {
	const tooLate = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), sayMeantMs).unref());
	const question = await Promise.race([questionOf(fleet, wanted), tooLate]);
	if (question !== undefined) say(`${talkStyle.yellow("covey:")} no worker is called or tagged like that now; ${question}`);
}

/** `did you mean mini?`; undefined when nothing is near, or what was asked for is there. */
export async function questionOf(fleet: Fleet, wanted: Wanted): Promise<string | undefined> {
	const workers = await fleet.call("worker.list", {}).then(
		(listed) => listed.workers,
		() => [],
	);
	const meant = meantBy(wanted, workers);
	return meant.length === 0 ? undefined : `did you mean ${meant.map((one) => plain(one)).join(" and ")}?`;
}

/** Names and tags of workers that differ from those asked for by a slip of the fingers. */
export function meantBy({ machine, tags = {} }: Wanted, workers: readonly Pick<WorkerView, "name" | "offer">[]): readonly string[] {
	const names = workers.map(({ name }) => name);
	const offered = workers.flatMap(({ offer }) => Object.entries(offer?.tags ?? {}));
	const name = machine === undefined || names.includes(machine) ? undefined : closest(machine, names);
	return [...(name === undefined ? [] : [name]), ...Object.entries(tags).flatMap((tag) => meantTag(tag, offered))];
}

type Tag = readonly [key: string, value: string];

function meantTag([key, value]: Tag, offered: readonly Tag[]): readonly string[] {
	const known = closestKey(key, offered);
	if (known === undefined) return [];
	const values = offered.flatMap(([one, its]) => (one === known ? [its] : []));
	const meant = values.includes(value) ? value : closest(value, values);
	return meant === undefined || (known === key && meant === value) ? [] : [`${known}=${meant}`];
}

function closestKey(key: string, offered: readonly Tag[]): string | undefined {
	const keys = offered.map(([one]) => one);
	return keys.includes(key) ? key : closest(key, keys);
}
