import type { Fleet } from "@covey/client";
import { Box, render, Text, useApp, useInput, useStdout } from "ink";
import { createElement as h, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { folded, harmless, plain } from "#cli/table.ts";
import { wantsColor } from "#cli/terminal.ts";
import { type Line, layOut, type Piece } from "./layout.ts";
import { isSame, type Selection, selectable, type View } from "./view.ts";
import { readLog, readView } from "./watch.ts";

/** Between two looks, in milliseconds. */
const everyMs = 1000;

/** What fills the screen: the lists, or one thing looked at. */
type Page =
	| { readonly is: "lists" }
	| { readonly is: "log" | "why"; readonly title: string; readonly task: string; readonly lines: readonly string[] };

/** Gives the fleet for one look: the same one as long as its link holds, then another. */
export type OpenFleet = () => Promise<Fleet>;

/** Shows the fleet until `q` or Ctrl-C, also past restarts of the coordinator. */
export async function showTop(open: OpenFleet): Promise<void> {
	const app = render(h(Top, { open }), { exitOnCtrlC: true, alternateScreen: true });
	await app.waitUntilExit();
}

function Top({ open }: { readonly open: OpenFleet }): ReactNode {
	const { exit } = useApp();
	const size = useSize();
	const [view, setView] = useState<View>();
	const [selection, setSelected] = useLatest<Selection | undefined>(undefined);
	const [shown, setPage] = useLatest<Page>({ is: "lists" });
	const [notice, setNotice] = useState("");
	const [question, setAsking] = useLatest<{ readonly text: string; readonly act: () => Promise<string> } | undefined>(undefined);
	const attempt = useCallback((work: () => Promise<string | undefined>) => {
		work().then(
			(said) => said !== undefined && setNotice(said),
			(error: unknown) => setNotice(error instanceof Error ? error.message : String(error)),
		);
	}, []);

	usePolled(
		async () => setView(await readView(await open())),
		(error) => setNotice(error.message),
	);
	usePolled(
		async () => {
			const page = shown.current;
			if (page.is !== "log") return;
			const lines = await readLog(await open(), page.task);
			if (shown.current === page) setPage({ ...page, lines });
		},
		() => {},
	);

	useInput((input, key) => {
		const [asking, page, selected] = [question.current, shown.current, selection.current];
		if (asking) {
			setAsking(undefined);
			if (input === "y") attempt(asking.act);
			else setNotice("nothing was done");
			return;
		}
		setNotice("");
		if (page.is !== "lists") {
			if (input === "q" || key.escape) setPage({ is: "lists" });
			return;
		}
		if (input === "q") exit();
		if (input === "?") return;
		if (view === undefined) return;
		const all = selectable(view);
		const at = all.findIndex((one) => isSame(selected, one));
		if (key.downArrow || input === "j") setSelected(all[Math.min(all.length - 1, at + 1)]);
		else if (key.upArrow || input === "k") setSelected(all[Math.max(0, at - 1)]);
		else if (selected === undefined) setNotice("choose a line with the arrow keys first");
		else if (selected.kind === "task") onTask(selected.id, view, key.return ? "l" : input);
		else onWorker(selected.id, view, input);
	});

	function onTask(task: string, { running, queue, recent }: View, input: string): void {
		const title = plain([...running, ...queue, ...recent].find(({ id }) => id === task)?.title ?? task, 60);
		if (input === "l") attempt(async () => void setPage({ is: "log", title, task, lines: await readLog(await open(), task) }));
		if (input === "w") attempt(async () => void setPage({ is: "why", title, task, lines: await explain(await open(), task, size.width) }));
		if (input !== "c") return;
		const act = async () => {
			await (await open()).call("task.cancel", { task });
			return `the end of ${task} is asked for`;
		};
		setAsking({ text: `Cancel ${title}? y/n`, act });
	}

	function onWorker(worker: string, { workers }: View, input: string): void {
		if (input !== "d") {
			setNotice("d drains a worker or lets it work again");
			return;
		}
		const draining = !workers.find(({ name }) => name === worker)?.draining;
		const act = async () => {
			await (await open()).call("worker.drain", { worker, draining });
			return draining ? `${worker} takes no new work` : `${worker} takes work again`;
		};
		setAsking({ text: draining ? `Let ${worker} take no new work? y/n` : `Let ${worker} take work again? y/n`, act });
	}

	const [asking, page, selected] = [question.current, shown.current, selection.current];
	const lines =
		view === undefined
			? [textLine("asking the coordinator …")]
			: page.is === "lists"
				? layOut(view, size, selected)
				: pageLines(page, size);
	const foot = asking?.text ?? (notice === "" ? keys[page.is] : plain(notice, size.width));
	return h(
		Box,
		{ flexDirection: "column", height: size.height, width: size.width },
		h(
			Box,
			{ flexDirection: "column", flexGrow: 1 },
			...lines.slice(0, size.height - 1).map((line, row) => h(Row, { key: row, line, width: size.width })),
		),
		h(Text, { ...(asking ? { color: "yellow" } : notice === "" ? { dimColor: true } : {}), wrap: "truncate" }, foot),
	);
}

const keys: Readonly<Record<Page["is"], string>> = {
	lists: "↑↓ choose  l log  c cancel  w why  d drain  q quit",
	log: "follows the end of the output  q back",
	why: "q back",
};

function Row({ line, width }: { readonly line: Line; readonly width: number }): ReactNode {
	const used = line.pieces.reduce((sum, { text }) => sum + [...text].length, 0);
	const rest = line.selected ? " ".repeat(Math.max(0, width - used)) : "";
	return h(
		Text,
		{ wrap: "truncate", ...(line.selected && { inverse: true }) },
		...line.pieces.map((piece, at) => h(Text, { key: at, ...styleOf(piece) }, piece.text)),
		rest,
	);
}

const colourful = wantsColor(true, process.env);

/** Colours of the terminal's own palette and no background: what is readable on dark is readable on light. */
function styleOf({ tone }: Piece): Record<string, unknown> {
	if (!colourful && tone !== "title" && tone !== "quiet") return {};
	switch (tone) {
		case "title":
			return { bold: true };
		case "quiet":
			return { dimColor: true };
		case "good":
			return { color: "green" };
		case "bad":
			return { color: "red" };
		case "warn":
			return { color: "yellow" };
		case undefined:
			return {};
	}
}

function pageLines(
	{ is, title, lines }: Exclude<Page, { is: "lists" }>,
	{ width, height }: { readonly width: number; readonly height: number },
): Line[] {
	const shown = lines.flatMap((line) => (is === "log" ? [cut(harmless(line).replaceAll("\t", "  "), width)] : [line]));
	const body = is === "log" ? shown.slice(-(height - 2)) : shown.slice(0, height - 2);
	return [{ pieces: [{ text: is === "log" ? `log of ${title}` : `why ${title}`, tone: "title" }] }, ...body.map(textLine)];
}

const cut = (line: string, width: number): string => (line.length > width ? `${line.slice(0, width - 1)}…` : line);
const textLine = (text: string): Line => ({ pieces: [{ text }] });

async function explain(fleet: Fleet, task: string, width: number): Promise<string[]> {
	const { sentence, ahead, candidates, placements } = await fleet.call("task.explain", { task });
	const placed = placements.at(-1)?.sentence;
	const lines = [
		...(sentence === "" ? [] : [sentence]),
		...(placed === undefined || placed === sentence ? [] : [placed]),
		...(ahead === undefined ? [] : [`${ahead} before it in its queue`]),
		"",
		...candidates.map(({ worker, bid, excluded }) => `${worker}: ${excluded ?? `bids ${Math.round((bid ?? 0) * 100) / 100}`}`),
	];
	return lines.flatMap((line) => folded(harmless(line), width).split("\n"));
}

/** State that a key pressed before the next drawing sees already. */
function useLatest<T>(first: T): readonly [{ readonly current: T }, (value: T) => void] {
	const [, draw] = useState(first);
	const latest = useRef(first);
	const set = useCallback((value: T) => {
		latest.current = value;
		draw(value);
	}, []);
	return [latest, set];
}

/** Does it now and again and again, one at a time, as long as the screen is there. */
function usePolled(work: () => Promise<void>, failed: (error: Error) => void): void {
	const latest = useRef({ work, failed });
	latest.current = { work, failed };
	useEffect(() => {
		let over = false;
		let timer: NodeJS.Timeout | undefined;
		const look = async (): Promise<void> => {
			await latest.current.work().catch((error: Error) => over || latest.current.failed(error));
			if (!over) timer = setTimeout(look, everyMs);
		};
		void look();
		return () => {
			over = true;
			clearTimeout(timer);
		};
	}, []);
}

function useSize(): { readonly width: number; readonly height: number } {
	const stdout = useStdout().stdout as NodeJS.WriteStream;
	const read = () => ({ width: Math.max(40, stdout.columns || 80), height: Math.max(12, stdout.rows || 24) });
	const [size, setSize] = useState(read);
	useEffect(() => {
		const resized = () => setSize(read());
		stdout.on("resize", resized);
		return () => void stdout.off("resize", resized);
	}, [stdout]);
	return size;
}
