import { type Dialect, type Document, textOf } from "./dialect.ts";

/** OpenAI's Responses, as Codex speaks them: the tools of an MCP server stand in a namespace. */
export const responses: Dialect = {
	path: /^\/v1\/responses$/,
	see: ({ tools = [], input }) => ({
		tools: tools.flatMap((tool: Document) =>
			tool.type === "namespace"
				? tool.tools.map(({ name }: Document) => ({ name, namespace: tool.name }))
				: [{ name: tool.name ?? tool.type }],
		),
		results: input.filter(({ type = "" }: Document) => type.endsWith("_call_output")).map(({ output }: Document) => textOf(output)),
	}),
	stream(turn) {
		const item =
			"say" in turn
				? {
						type: "message",
						id: "msg_scripted",
						role: "assistant",
						status: "completed",
						content: [{ type: "output_text", text: turn.say, annotations: [] }],
					}
				: {
						type: "function_call",
						id: "fc_scripted",
						call_id: `call_${turn.call.name}`,
						...turn.call,
						arguments: JSON.stringify(turn.arguments),
						status: "completed",
					};
		const response = { id: "resp_scripted", object: "response", model: "scripted" };
		const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
		return [
			{ type: "response.created", response: { ...response, status: "in_progress", output: [] } },
			{ type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress" } },
			...("say" in turn
				? [{ type: "response.output_text.delta", item_id: item.id, output_index: 0, content_index: 0, delta: turn.say }]
				: []),
			{ type: "response.output_item.done", output_index: 0, item },
			{ type: "response.completed", response: { ...response, status: "completed", output: [item], usage } },
		].map((data, index) => ({ event: data.type, data: { ...data, sequence_number: index } }));
	},
	beside: [{ path: /^\/v1\/models/, answer: { object: "list", data: [{ id: "scripted", object: "model" }] } }],
};
