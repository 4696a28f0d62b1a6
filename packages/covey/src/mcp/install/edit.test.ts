import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { type ClientName, clientNames, clients } from "./clients.ts";
import { changeOf, withEntry, withoutEntry } from "./edit.ts";

const server = { command: "/bin/node", args: ["/opt/covey.js", "mcp", "--worktree", "."], environment: { HOME: "/home/x" } };
const others: Readonly<Record<"json" | "toml", string>> = {
	json: '{\n    "theme": "dark",\n    "mcpServers": {\n        "other": {\n            "command": "x"\n        }\n    }\n}\n',
	toml: '# mine\nmodel = "o9"   # the best\n\n[mcp_servers.other]\ncommand = "x"\n',
};

describe.each(clientNames)("%s", (name: ClientName) => {
	const config = clients[name];
	const entry = config.entry(server);

	test("an entry is made where there is no file, changed in place, and taken out again", () => {
		const made = withEntry(config, "f", undefined, entry);
		const document = (config.format === "json" ? JSON.parse(made) : parse(made)) as Record<string, Record<string, unknown>>;
		expect(document[config.at[0]]![config.at[1]]).toEqual(entry);
		expect(withEntry(config, "f", made, entry)).toBe(made);
		const changed = withEntry(config, "f", made, config.entry({ ...server, command: "/other/node" }));
		expect(changed).toContain("/other/node");
		expect(changed).not.toContain("/bin/node");
		const gone = withoutEntry(config, "f", changed);
		expect(gone).not.toContain("covey");
		expect(withoutEntry(config, "f", gone!)).toBeUndefined();
	});

	test("what others wrote stays as it was, to the byte", () => {
		const text = others[config.format];
		const made = withEntry(config, "f", text, entry);
		expect(made).toContain(config.format === "json" ? '"other"' : 'model = "o9"   # the best');
		expect(changeOf(text, made).filter((line) => line.startsWith("- ")).length).toBeLessThan(3);
		const back = withoutEntry(config, "f", made)!;
		if (config.format === "toml") expect(back).toBe(text);
		else expect(JSON.parse(back)).toMatchObject(JSON.parse(text));
	});
});

test("a file with comments or an entry of somebody else's is left as it is, with the way out", () => {
	expect(() => withEntry(clients.opencode, "opencode.json", "{ // mine\n}", {})).toThrow(/opencode.json is no plain JSON object/);
	expect(() => withEntry(clients.claude, "c", '{"mcpServers": []}', {})).toThrow(/mcpServers is no object/);
	expect(() => withEntry(clients.codex, "config.toml", '[mcp_servers.covey]\ncommand = "x"\n', {})).toThrow(
		/mcp_servers.covey that was not written/,
	);
	expect(() => withEntry(clients.codex, "config.toml", "[oops", {})).toThrow(/config.toml is no TOML/);
});

test("the change is shown as the lines that differ", () => {
	expect(changeOf("a\nb\nc\n", "a\nx\nc\n")).toEqual(["- b", "+ x"]);
	expect(changeOf("same\n", "same\n")).toEqual([]);
});
