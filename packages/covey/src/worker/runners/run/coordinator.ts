import { CoveyError } from "@covey/protocol";
import { refusalOfAnswer } from "@covey/protocol/answer";

/** Where packs come from and artifacts go to, with this session's bearer token. */
export interface Coordinator {
	readonly url: string;
	readonly token: string | undefined;
}

/** @throws CoveyError of the coordinator's refusal, or that another program answers; `unavailable` when nobody does or there is no session. */
export async function ask(coordinator: Coordinator, path: string, init: RequestInit & { readonly duplex?: "half" }): Promise<Response> {
	if (coordinator.token === undefined) throw new CoveyError("unavailable", "the link to the coordinator is down");
	const headers = { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${coordinator.token}` };
	const response = await fetch(`${coordinator.url}${path}`, { ...init, headers }).catch((cause: unknown) => {
		init.signal?.throwIfAborted();
		throw new CoveyError("unavailable", `the coordinator does not answer at ${coordinator.url}`, { cause });
	});
	if (response.ok) return response;
	throw refusalOfAnswer({ url: coordinator.url, status: response.status, body: await response.text().catch(() => "") });
}
