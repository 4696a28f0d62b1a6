import { z } from "zod";

/** What a tool takes, and nothing else. What it does not take is refused in words that name the value and what is allowed. */
export function argumentsOf<Shape extends z.ZodRawShape>(shape: Shape): Pick<z.ZodObject<Shape, z.core.$strict>, "~standard"> {
	const schema = z.strictObject(shape);
	const names = Object.keys(shape);
	const error: z.core.$ZodErrorMap = (issue) => sentenceOf(issue, names);
	return {
		"~standard": {
			...schema["~standard"],
			validate(given) {
				const { success, data, error: refused } = schema.safeParse(given, { error });
				return success ? { value: data } : { issues: refused.issues };
			},
		},
	};
}

const nouns: Readonly<Record<string, string>> = {
	string: "text",
	number: "a number",
	int: "a whole number",
	boolean: "true or false",
	array: "a list",
	object: "an object",
};

/** Stands behind the argument's name and a colon. Undefined: zod's own words. */
function sentenceOf(issue: z.core.$ZodRawIssue, names: readonly string[]): string | undefined {
	if (issue.code === "unrecognized_keys") {
		const takes = names.length === 0 ? "takes no arguments" : `takes ${names.join(", ")}`;
		return `there is no argument ${issue.keys.map((key) => show(key)).join(", ")}; the tool ${takes}`;
	}
	if (issue.code === "invalid_type") {
		const noun = nouns[issue.expected] ?? issue.expected;
		return issue.input === undefined ? `is missing; it has to be ${noun}` : `has to be ${noun}, and is ${show(issue.input)}`;
	}
	if (issue.code !== "too_small" && issue.code !== "too_big") return undefined;
	if (issue.code === "too_small" && sizeOf(issue.input) === 0) return "must not be empty";
	const bound = issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
	if (issue.origin === "string") return `has to have ${bound} characters, and has ${sizeOf(issue.input)}`;
	if (issue.origin === "array") return `has to have ${bound} entries, and has ${sizeOf(issue.input)}`;
	return `has to be ${bound}, and is ${show(issue.input)}`;
}

/** Undefined: of what has none, as a number. */
const sizeOf = (value: unknown): number | undefined => (value as { readonly length?: number }).length;

function show(value: unknown): string {
	const text = JSON.stringify(value);
	return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
