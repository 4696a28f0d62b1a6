import type { Dialect, Document, Turn } from "./dialect.ts";

/** Google's, as Gemini CLI speaks it. */
export const google: Dialect = {
	path: /^\/v1beta\/models\/[^:]+:streamGenerateContent/,
	see: ({ tools = [], contents }) => ({
		tools: tools.flatMap(({ functionDeclarations = [] }: Document) => functionDeclarations.map(({ name }: Document) => ({ name }))),
		results: contents
			.flatMap(({ parts }: Document) => parts)
			.filter(({ functionResponse }: Document) => functionResponse)
			.map(({ functionResponse: { response } }: Document) => response.output ?? JSON.stringify(response)),
	}),
	stream: (turn) => [{ data: content(turn) }],
	beside: [
		{ path: /^\/v1beta\/models\/[^:]+:generateContent/, answer: content({ say: "{}" }) },
		{ path: /^\/v1beta\/models\/[^:]+:countTokens/, answer: { totalTokens: 1 } },
	],
};

function content(turn: Turn): unknown {
	const part =
		"say" in turn
			? { text: turn.say }
			: { functionCall: { id: `call_${turn.call.name}`, name: turn.call.name, args: turn.arguments }, thoughtSignature: "c2NyaXB0ZWQ=" };
	return {
		candidates: [{ index: 0, content: { role: "model", parts: [part] }, finishReason: "STOP" }],
		usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
	};
}
