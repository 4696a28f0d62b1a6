import { expect, test } from "vitest";
import { CoveyError, errorTable } from "./errors.ts";
import { WireError } from "./wire-error.ts";

test("Each error has a WebSocket close code of its own in the range for applications", () => {
	const codes = Object.values(errorTable).map(({ close }) => close);
	expect(new Set(codes).size).toBe(codes.length);
	expect(codes.every((code) => code >= 4000 && code <= 4999)).toBe(true);
});

test("An error crosses the wire whole, without its cause", () => {
	const error = new CoveyError("too_many", "slow down", {
		hint: "wait",
		retryAfterMs: 5,
		details: { seen: 1 },
		cause: new Error("secret"),
	});
	const text = JSON.stringify(error.toWire());
	expect(text).not.toContain("secret");
	expect(CoveyError.from(WireError.parse(JSON.parse(text)))).toMatchObject({
		code: "too_many",
		message: "slow down",
		hint: "wait",
		retryAfterMs: 5,
		details: { seen: 1 },
	});
});
