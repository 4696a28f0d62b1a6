import type { CoveyError } from "@covey/protocol";
import { describe, expect, it } from "vitest";
import { createGuard } from "./guard.ts";

const guard = createGuard(["localhost", "127.0.0.1", "::1", "Build-Box"]);

function codeOf(headers: Record<string, string>, url = "/"): string {
	try {
		guard.check({ headers, url });
		return "passes";
	} catch (error) {
		return (error as CoveyError).code;
	}
}

const cases: readonly { title: string; headers: Record<string, string>; url?: string; code: string }[] = [
	{ title: "a program that calls localhost", headers: { host: "localhost:8000" }, code: "passes" },
	{ title: "any port, as behind a tunnel", headers: { host: "127.0.0.1:9" }, code: "passes" },
	{ title: "IPv6 in brackets", headers: { host: "[::1]:8000" }, code: "passes" },
	{ title: "a configured name, in any case", headers: { host: "build-BOX" }, code: "passes" },
	{
		title: "our own page",
		headers: { host: "localhost:8000", origin: "http://localhost:8000", "sec-fetch-site": "same-origin" },
		code: "passes",
	},
	{ title: "an address typed into a browser", headers: { host: "localhost:8000", "sec-fetch-site": "none" }, code: "passes" },
	{ title: "a rebound name", headers: { host: "evil.test" }, code: "misdirected" },
	{ title: "a name that begins like ours", headers: { host: "localhost.evil.test" }, code: "misdirected" },
	{ title: "no host", headers: {}, code: "misdirected" },
	{ title: "an unclosed bracket", headers: { host: "[" }, code: "misdirected" },
	{ title: "a proxy's absolute URL", headers: { host: "localhost" }, url: "http://evil.test/", code: "misdirected" },
	{ title: "a foreign page", headers: { host: "localhost:8000", origin: "https://evil.test" }, code: "forbidden" },
	{ title: "a page of another port of ours", headers: { host: "localhost:8000", origin: "http://localhost:3000" }, code: "forbidden" },
	{ title: "a page without an origin of its own", headers: { host: "localhost:8000", origin: "null" }, code: "forbidden" },
	{ title: "a link from elsewhere", headers: { host: "localhost:8000", "sec-fetch-site": "cross-site" }, code: "forbidden" },
	{ title: "a sibling site", headers: { host: "localhost:8000", "sec-fetch-site": "same-site" }, code: "forbidden" },
];

describe("the guard", () => {
	it.each(cases)("$title: $code", ({ headers, url, code }) => {
		expect(codeOf(headers, url)).toBe(code);
	});
});
