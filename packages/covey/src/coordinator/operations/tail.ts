import type { Handler, OperationContext } from "./context.ts";
import { findTask } from "./lookup.ts";

/** The end of the output of a task's last attempt, without the rest. */
export function createTail(context: OperationContext): Handler<"task.tail"> {
	return async ({ task: id, bytes }, { principal, signal }) => {
		const { attempt } = await findTask(context, id, principal);
		if (attempt === 0) return { attempt, offset: 0, text: "" };
		const { offset: end } = await context.logs.end(id, attempt);
		const decoder = new TextDecoder();
		let text = "";
		for await (const frame of context.logs.read(id, attempt, { offset: Math.max(0, end - bytes), follow: false, signal }))
			if (frame.kind === "output") text += decoder.decode(frame.data, { stream: true });
		return { attempt, offset: end, text: text + decoder.decode() };
	};
}
