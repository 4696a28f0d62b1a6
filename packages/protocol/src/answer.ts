import type { WireError } from "./errors.ts";
import { CoveyError, errorTable } from "./errors.ts";

/** What proxies say of a server behind them that is away or busy. */
const passing: readonly number[] = [408, 429, 500, 502, 503, 504];

/**
 * Why an HTTP answer is no success: in the coordinator's own words, or else that somebody other than a coordinator
 * answers there: `unavailable` where that may pass, `version_mismatch` where it will not.
 */
export function refusalOfAnswer(answer: { readonly url: string; readonly status: number; readonly body: string }): CoveyError {
	const { url, status, body } = answer;
	const told = wireErrorIn(body);
	if (told !== undefined) return CoveyError.from(told);
	const origin = URL.canParse(url) ? new URL(url).host : url;
	if (passing.includes(status))
		return new CoveyError("unavailable", `something in front of the coordinator at ${origin} answers ${status}`);
	return new CoveyError("version_mismatch", `${origin} answers (${status}), but is not a Covey coordinator`, {
		hint: "look at host and port: covey status, on the coordinator's machine, shows its address",
	});
}

function wireErrorIn(body: string): WireError | undefined {
	try {
		const parsed = JSON.parse(body) as { error?: WireError } & Partial<WireError>;
		const error = parsed.error ?? parsed;
		return typeof error.message === "string" && Object.hasOwn(errorTable, error.code ?? "") ? (error as WireError) : undefined;
	} catch {
		// A proxy's page, say.
		return undefined;
	}
}
