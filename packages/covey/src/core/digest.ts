import { records } from "./changes.ts";
import type { Fleet } from "./fleet.ts";

/** 53 bits (cyrb53, public domain) of everything that is journalled, whatever the order in memory: equal states have equal hashes. */
export function stateHash(fleet: Fleet): string {
	let sum = 0n;
	for (const { kind, id, value } of records(fleet)) sum += BigInt(cyrb53(`${kind} ${id} ${canonical(value)}`));
	return (sum & 0xffff_ffff_ffff_ffffn).toString(16).padStart(16, "0");
}

/** JSON with sorted keys, without what is undefined. */
function canonical(value: unknown): string {
	return JSON.stringify(value, (_key, inner: unknown) => {
		if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
		return Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)));
	});
}

function cyrb53(text: string): number {
	let high = 0xdeadbeef;
	let low = 0x41c6ce57;
	for (let at = 0; at < text.length; at++) {
		const code = text.charCodeAt(at);
		high = Math.imul(high ^ code, 2654435761);
		low = Math.imul(low ^ code, 1597334677);
	}
	high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
	low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
	return 4294967296 * (2097151 & low) + (high >>> 0);
}
