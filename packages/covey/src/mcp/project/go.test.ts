import { expect, it } from "vitest";
import type { VerbArguments } from "./recipe.ts";
import { said } from "./tree.fixture.ts";

const files = {
	"go.mod": "module example.com/acme\n\ngo 1.24\n",
	"main.go": "",
	"internal/parse/parse.go": "",
	"internal/print/print.go": "",
	"docs/index.md": "",
};
const work = {
	"go.work": "go 1.24\n\nuse (\n\t./a\n\t./b // two\n)\nuse ./c\n",
	"a/go.mod": "module a",
	"a/a.go": "",
	"b/go.mod": "module b",
	"c/x/x.go": "",
};

it("builds, vets and tests every package", async () => {
	expect(await said(files, "build", { features: ["x", "y"] })).toBe("go build -tags=x,y ./...");
	expect(await said(files, "clippy")).toBe("go vet ./...");
	expect(await said(files, "test", { filter: "^TestA$/-x", nocapture: true })).toBe("go test -json '-run=^TestA$/-x' ./...");
	expect(await said(files, "test", { filter: "-exec=evil" })).toBe("go test -json -run=-exec=evil ./...");
});

it("lints with golangci-lint when that is configured", async () => {
	const configured = { ...files, ".golangci.yml": "" };
	expect(await said(configured, "clippy", { fix: true, package: "internal/parse" })).toBe("golangci-lint run --fix ./internal/parse");
	expect(await said(files, "clippy", { fix: true })).toBe("fix: `go vet` mends nothing, and golangci-lint is not configured (go.mod)");
});

const packages: readonly [string, string][] = [
	["internal/parse", "./internal/parse"],
	["./internal/parse/", "./internal/parse"],
	["example.com/acme/internal/parse", "./internal/parse"],
	["internal", "./internal/..."],
	["internal/...", "./internal/..."],
	["...", "./..."],
	["example.com/acme", "."],
];
it.each(packages)("takes the package %s as %s", async (name, pattern) => {
	expect(await said(files, "test", { package: name })).toBe(`go test -json ${pattern === "." ? "./" : pattern}`);
});

it("names the packages that there are", async () => {
	const none: VerbArguments = { package: "internal/parce" };
	expect(await said(files, "test", none)).toBe(
		'package: go.mod has no package "internal/parce"; its packages are: ., internal/parse, internal/print',
	);
	expect(await said(files, "test", { package: "../other" })).toMatch(/^package: go.mod has no package/);
	expect(await said(files, "test", { package: "docs" })).toMatch(/^package: go.mod has no package/);
});

it("takes each module of a workspace", async () => {
	expect(await said(work, "build")).toBe("go build ./a/... ./b/... ./c/...");
	expect(await said(work, "test", { package: "c" })).toBe("go test -json ./c/...");
});
