import type { Fault } from "./zoo.ts";

/** Faults of workers, of links and of clients. */
export const workerFaults = {
	"sent-once": {
		lesson: 6,
		seeds: 40,
		peer: "a report is sent once and forgotten: a blip at the end loses the result and the work runs again",
		bend: () => ({ forgetsReports: true }),
	},
	"waiting-counts": {
		lesson: 9,
		seeds: 20,
		peer: "time spent waiting for a worker counts against the timeout",
		bend: () => ({ timeoutMs: (timeoutMs, waitedMs) => Math.max(0, timeoutMs - waitedMs) }),
	},
	"gives-up": {
		lesson: 15,
		seeds: 70,
		peer: "the window for retries counts from the start of a connection: the first error after a long one gives up for good",
		bend: () => ({ givesUp: (connectedMs) => connectedMs > 300_000 }),
	},
	"no-self-fence": {
		lesson: 16,
		seeds: 100,
		peer: "a worker whose lease has ended only logs it and runs on",
		bend: () => ({ ignoresEnd: (reason) => reason === "worker_lost" }),
	},
	"unowned-runs-on": {
		lesson: 17,
		seeds: 340,
		peer: "what the scheduler no longer owns is not ended, and its worker keeps it going",
		bend: () => ({
			down: (message) => {
				if (message.type === "synced") return { ...message, end: message.end.filter(({ reason }) => reason !== "worker_lost") };
				return message.type === "cancel" && message.reason === "worker_lost" ? undefined : message;
			},
		}),
	},
	"kill-unacknowledged": {
		lesson: 17,
		seeds: 20,
		peer: "a worker that never tells of a kill keeps its place",
		bend: () => ({
			up: (message) =>
				message.type === "complete" && (message.report.facts?.cancelled || message.report.outcome === "cancelled") ? undefined : message,
		}),
	},
	"starved-renewal": {
		lesson: 18,
		seeds: 130,
		peer: "the renewal of a lease is starved by the work's own use of the CPU",
		bend: () => ({ up: (message, processes) => (message.type === "sync" && processes > 0 ? undefined : message) }),
	},
	"cancel-by-answer": {
		lesson: 19,
		seeds: 120,
		peer: "a cancel travels only in the answer to an update that a silent worker never sends",
		bend: () => ({
			down: (message) => {
				if (message.type === "synced") return { ...message, end: message.end.filter(({ reason }) => reason === "worker_lost") };
				return message.type === "cancel" && message.reason !== "worker_lost" ? undefined : message;
			},
		}),
	},
	"dies-with-the-client": {
		lesson: 27,
		seeds: 20,
		peer: "work is cancelled because the client that asked for it has left",
		bend: () => ({ cancelsWhatItLeaves: true }),
	},
	"drain-by-message": {
		lesson: 0,
		seeds: 600,
		peer: "a worker hears of the end of a drain in one message or never",
		bend: () => ({
			down: (message) => {
				if (message.type !== "synced") return message;
				const { draining: _, ...rest } = message;
				return rest as typeof message;
			},
		}),
	},
} as const satisfies Record<string, Fault>;
