import { expect, test } from "vitest";
import { refusalOfAnswer } from "./answer.ts";

const of = (status: number, body: string) => refusalOfAnswer({ url: "ws://big:8000/api/v1/socket", status, body });

test("a coordinator's refusal is told in its own words", () => {
	const error = { code: "forbidden", message: "not you", hint: "ask an admin" } as const;
	expect(of(403, JSON.stringify(error))).toMatchObject(error);
	expect(of(403, JSON.stringify({ error }))).toMatchObject(error);
});

test("whatever else answers is no coordinator, and waiting does not make it one", () => {
	for (const body of ["", "<html>404 Not Found</html>", "null", "[]", '{"code":"toString","message":"x"}', '{"code":"forbidden"}'])
		expect(of(404, body)).toMatchObject({ code: "version_mismatch", message: "big:8000 answers (404), but is not a Covey coordinator" });
	expect(of(200, "<html>welcome</html>")).toMatchObject({ code: "version_mismatch" });
});

test("a proxy whose server is away may be asked again", () => {
	for (const status of [429, 502, 503, 504]) expect(of(status, "<html>Bad Gateway</html>")).toMatchObject({ code: "unavailable" });
});
