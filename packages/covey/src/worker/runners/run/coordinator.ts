import { CoveyError, WireError } from "@covey/protocol";

/** Where packs come from and artifacts go to, with this session's bearer token. */
export interface Coordinator {
	readonly url: string;
	readonly token: string | undefined;
}

/** @throws CoveyError of the coordinator's refusal; `unavailable` when it does not answer or there is no session. */
export async function ask(coordinator: Coordinator, path: string, init: RequestInit & { readonly duplex?: "half" }): Promise<Response> {
	if (coordinator.token === undefined) throw new CoveyError("unavailable", "the link to the coordinator is down");
	const headers = { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${coordinator.token}` };
	const response = await fetch(`${coordinator.url}${path}`, { ...init, headers }).catch((cause: unknown) => {
		init.signal?.throwIfAborted();
		throw new CoveyError("unavailable", `the coordinator does not answer at ${coordinator.url}`, { cause });
	});
	if (response.ok) return response;
	throw refusalOf(response.status, path, await response.text().catch(() => ""));
}

function refusalOf(status: number, path: string, body: string): CoveyError {
	try {
		const parsed = WireError.safeParse(JSON.parse(body));
		if (parsed.success) return CoveyError.from(parsed.data);
	} catch {
		// Not from a coordinator: a proxy speaks.
	}
	return new CoveyError("unavailable", `${path} was answered with status ${status}`);
}
