import { AutoParser } from "./auto.ts";
import { BiomeParser } from "./biome.ts";
import { CargoParser } from "./cargo.ts";
import { CtestParser } from "./ctest.ts";
import { EslintParser } from "./eslint.ts";
import { feed } from "./feed.ts";
import { GenericParser } from "./generic.ts";
import { GoParser } from "./go.ts";
import { GradleParser } from "./gradle.ts";
import { JestParser } from "./jest.ts";
import { LanesParser } from "./lanes.ts";
import { MavenParser } from "./maven.ts";
import { MissingProgram } from "./missing-program.ts";
import { NodeTestParser } from "./node-test.ts";
import type { ParserName } from "./parser-names.ts";
import { PytestParser } from "./pytest.ts";
import type { LogParser, ReportOptions, ToolParser } from "./report.ts";
import { RuffParser } from "./ruff.ts";
import { TscParser } from "./tsc.ts";
import { VitestParser } from "./vitest.ts";

/** A parser for one log; it is not used twice. */
export function createParser(name: ParserName, options: ReportOptions = {}): LogParser {
	const tool = toolFor(name, options);
	const missing = new MissingProgram();
	return {
		line: (text, stream) => {
			missing.line(text);
			feed(tool, text, stream);
		},
		end: () => missing.explain(tool.end()),
		readable: (text) => (tool.readable ? tool.readable(text) : text),
	};
}

function toolFor(name: ParserName, options: ReportOptions): ToolParser {
	if (name === "generic") return new GenericParser(options);
	if (name !== "auto") return new tools[name](options);
	return new LanesParser(
		() =>
			new AutoParser(
				Object.values(tools).map((Tool) => new Tool(options)),
				options,
			),
	);
}

const tools: Readonly<Record<Exclude<ParserName, "auto" | "generic">, new (options: ReportOptions) => ToolParser>> = {
	cargo: CargoParser,
	jest: JestParser,
	vitest: VitestParser,
	"node-test": NodeTestParser,
	pytest: PytestParser,
	go: GoParser,
	gradle: GradleParser,
	maven: MavenParser,
	ctest: CtestParser,
	tsc: TscParser,
	eslint: EslintParser,
	biome: BiomeParser,
	ruff: RuffParser,
};
