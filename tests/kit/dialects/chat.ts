import { type Dialect, type Document, textOf } from "./dialect.ts";

/** Chat completions, as opencode and most others speak them. */
export const chat: Dialect = {
	path: /^\/v1\/chat\/completions$/,
	see: ({ tools = [], messages }) => ({
		tools: tools.map(({ function: { name } }: Document) => ({ name })),
		results: messages.filter(({ role }: Document) => role === "tool").map(({ content }: Document) => textOf(content)),
	}),
	stream(turn) {
		const delta =
			"say" in turn
				? { content: turn.say }
				: {
						tool_calls: [
							{
								index: 0,
								id: `call_${turn.call.name}`,
								type: "function",
								function: { name: turn.call.name, arguments: JSON.stringify(turn.arguments) },
							},
						],
					};
		const chunk = { id: "chat_scripted", object: "chat.completion.chunk", created: 0, model: "scripted" };
		const choice = (rest: object) => ({ ...chunk, choices: [{ index: 0, finish_reason: null, delta: {}, ...rest }] });
		return [
			choice({ delta: { role: "assistant", ...delta } }),
			choice({ finish_reason: "say" in turn ? "stop" : "tool_calls" }),
			{ ...chunk, choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } },
			"[DONE]",
		].map((data) => ({ data }));
	},
	beside: [],
};
