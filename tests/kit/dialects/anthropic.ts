import { type Dialect, type Document, textOf } from "./dialect.ts";

const usage = { input_tokens: 1, output_tokens: 1 };

/** Messages, as Claude Code speaks them. */
export const anthropic: Dialect = {
	path: /^\/v1\/messages(\?|$)/,
	see: ({ tools = [], messages }) => ({
		tools: tools.map(({ name }: Document) => ({ name })),
		results: messages
			.flatMap(({ content }: Document) => (Array.isArray(content) ? content : []))
			.filter(({ type }: Document) => type === "tool_result")
			.map(({ content }: Document) => textOf(content)),
	}),
	stream(turn) {
		const [block, delta, reason] =
			"say" in turn
				? [{ type: "text", text: "" }, { type: "text_delta", text: turn.say }, "end_turn"]
				: [
						{ type: "tool_use", id: `toolu_${turn.call.name}`, name: turn.call.name, input: {} },
						{ type: "input_json_delta", partial_json: JSON.stringify(turn.arguments) },
						"tool_use",
					];
		const message = { id: "msg_scripted", type: "message", role: "assistant", model: "scripted", content: [], stop_reason: null };
		return [
			{ type: "message_start", message: { ...message, stop_sequence: null, usage } },
			{ type: "content_block_start", index: 0, content_block: block },
			{ type: "content_block_delta", index: 0, delta },
			{ type: "content_block_stop", index: 0 },
			{ type: "message_delta", delta: { stop_reason: reason, stop_sequence: null }, usage },
			{ type: "message_stop" },
		].map((data) => ({ event: data.type, data }));
	},
	beside: [
		{ path: /^\/v1\/messages\/count_tokens/, answer: { input_tokens: 1 } },
		{ path: /^\/api\/hello/, answer: {} },
	],
};
