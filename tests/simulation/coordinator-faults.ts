import type { AttemptReport, Outcome } from "@covey/protocol";
import { attemptKey, isEnded, parseAttemptKey } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import type { Fleet } from "#core/fleet.ts";
import { reload } from "#core/scheduling/scheduler.ts";
import type { Task } from "#core/task.ts";
import { setTimer } from "#core/timers.ts";
import type { Fault } from "./zoo.ts";

const report = (outcome: Outcome, message: string): AttemptReport => ({
	outcome,
	message,
	artifacts: [],
	missing: [],
	outputBytes: 0,
	outputDroppedBytes: 0,
	timings: {},
});
const minute = 60_000;

/** Faults of the coordinator: its core, its driver, its journal. */
export const coordinatorFaults = {
	"no-fence": {
		lesson: 4,
		seeds: 130,
		peer: "no attempt number: the first `complete` wins, whichever attempt it is of",
		bend: () => ({
			event: (event, fleet) => {
				if (event.type !== "attempt.completed") return [event];
				const task = fleet.tasks.get(event.task);
				if (task?.lease?.session === undefined) return [event];
				return [{ ...event, attempt: task.attempt, worker: task.lease.worker, session: task.lease.session }];
			},
			// Nobody knows that a report is late, so nobody turns it away.
			down: (message) => (message.type === "synced" ? { ...message, settled: [] } : message),
		}),
	},
	"late-close": {
		lesson: 5,
		seeds: 60,
		peer: "the close of an old socket unregisters the new connection and requeues its live tasks",
		bend: () => ({
			event: (event, fleet) => {
				if (event.type !== "worker.disconnect") return [event];
				const session = fleet.workers.get(event.worker)?.session?.id;
				return session === undefined || session === event.session ? [event] : [{ ...event, session, bye: true }];
			},
		}),
	},
	"capacity-as-result": {
		lesson: 7,
		seeds: 80,
		peer: "a worker without a free slot answers exit code 1, which reads as a failed test",
		bend: () => ({
			event: (event) => {
				if (event.type !== "attempt.declined") return [event];
				const { type: _, message, ...attempt } = event;
				return [{ ...attempt, type: "attempt.completed", report: report("failed", message) }];
			},
		}),
	},
	"queued-twice": {
		lesson: 8,
		seeds: 270,
		peer: "a task whose dispatch failed stays with its worker and is queued as well",
		bend: () => ({
			step: (fleet, _event, now, go) =>
				go().flatMap((effect): Effect[] => {
					if (effect.type !== "assign") return [effect];
					// Its worker does not answer just now: the send fails, and the next one gets it too.
					if (now - (fleet.workers.get(effect.worker)?.seenAt ?? now) < 20_000) return [effect];
					const other = [...fleet.workers.values()].find(({ record, session }) => record.name !== effect.worker && session !== undefined);
					if (other?.session === undefined) return [effect];
					const message = { ...effect.message, sequence: ++other.session.assigned };
					return [effect, { ...effect, worker: other.record.name, session: other.session.id, message }];
				}),
		}),
	},
	"abandoned-runs": {
		lesson: 9,
		seeds: 130,
		peer: "who asked is told that it ended, and the work runs on",
		bend: () => ({
			event: (event, fleet) => {
				const lease = event.type === "task.cancel" ? fleet.tasks.get(event.task)?.lease : undefined;
				if (event.type !== "task.cancel" || lease?.session === undefined) return [event];
				const { worker, session, task, attempt } = lease;
				return [event, { type: "attempt.completed", worker, session: session as string, task, attempt, report: report("cancelled", "") }];
			},
			step: (_fleet, event, _now, go) => go().filter((effect) => effect.type !== "end" || event.type !== "task.cancel"),
			down: (message) => (message.type === "synced" ? { ...message, end: [] } : message),
		}),
	},
	"unordered-requeue": {
		lesson: 12,
		seeds: 20,
		peer: "what is requeued loses its place in the line",
		bend: () => ({
			step: (fleet, event, _now, go) => {
				const effects = go();
				if (event.type === "task.submit") return effects;
				for (const task of fleet.tasks.values()) {
					const { ticket } = task;
					if (task.attempt === 0 || ticket === undefined) continue;
					Object.assign(task, { order: task.order + 1000 });
					ticket.lane.tickets.update(ticket);
					ticket.lane.level.lanes.update(ticket.lane);
				}
				return effects;
			},
		}),
	},
	"ends-live-work": {
		lesson: 14,
		seeds: 20,
		peer: "the next poll takes live work for stale and ends it",
		bend: () => ({
			step: (_fleet, _event, _now, go) =>
				go().map((effect) => {
					if (effect.type !== "synced" || effect.sequence % 7 !== 0) return effect;
					const stale = effect.keep.map((name) => ({ ...name, reason: "worker_lost" as const, graceMs: 0 }));
					return { ...effect, end: [...effect.end, ...stale] };
				}),
		}),
	},
	"slot-leak": {
		lesson: 17,
		seeds: 20,
		peer: "the count of slots in use is not taken back when work ends, until nothing fits any more",
		bend: () => ({
			step: (fleet, event, _now, go) => {
				const worker = event.type === "attempt.completed" ? fleet.workers.get(event.worker) : undefined;
				const before = worker?.slotsUsed ?? 0;
				const held = worker?.held.size ?? 0;
				const effects = go();
				if (worker !== undefined && worker.held.size < held) worker.slotsUsed = before;
				return effects;
			},
		}),
	},
	"disconnects-cascade": {
		lesson: 17,
		seeds: 30,
		peer: "one worker's disconnect takes the work of others down with it",
		bend: () => ({
			event: (event, fleet) => {
				if (event.type !== "worker.disconnect") return [event];
				const others = [...fleet.workers.values()].flatMap((worker): Event[] =>
					worker.session === undefined || worker.record.name === event.worker
						? []
						: [{ type: "worker.disconnect", worker: worker.record.name, session: worker.session.id, bye: true }],
				);
				return [event, ...others];
			},
		}),
	},
	"abandoned-while-renewing": {
		lesson: 18,
		seeds: 50,
		peer: "an attempt is given up on although its worker renews its lease",
		bend: () => ({
			step: (fleet, event, _now, go) => {
				if (event.type !== "worker.sync") return go();
				const leases = [...fleet.tasks.values()].flatMap(({ lease }) => (lease === undefined ? [] : [{ lease, until: lease.until }]));
				const effects = go();
				for (const { lease, until } of leases) lease.until = until;
				return effects;
			},
		}),
	},
	"ignores-queue": {
		lesson: 18,
		seeds: 20,
		peer: "a worker that gets room is not given what waits",
		bend: () => ({
			step: (fleet, _event, _now, go) => {
				// It takes for old what is new room.
				for (const worker of fleet.workers.values()) worker.standing.open = 1000;
				fleet.scheduler.wokenWorkers.clear();
				return go();
			},
		}),
	},
	"sent-to-the-dead": {
		lesson: 18,
		seeds: 30,
		peer: "work goes to a worker whose connection has ended",
		bend: () => ({ event: (event) => (event.type === "worker.disconnect" ? [] : [event]) }),
	},
	zombies: {
		lesson: 20,
		seeds: 130,
		peer: "what a dead machine held stays claimed, and all behind it waits",
		bend: () => ({
			step: (fleet, event, now, go) => {
				if (event.type !== "tick") return go();
				for (const { lease } of fleet.tasks.values()) if (lease !== undefined && lease.until <= now) lease.until = now + 1;
				return go();
			},
		}),
	},
	"runs-again": {
		lesson: 21,
		seeds: 20,
		peer: "finished work runs again, since its end was not on record",
		bend: () => ({
			changes: (changes) =>
				changes.filter(({ kind, value }) => kind !== "task" || (value !== null && (value as { endedAt?: number }).endedAt === undefined)),
		}),
	},
	"crash-taken-for-split": {
		lesson: 21,
		seeds: 30,
		peer: "a worker that crashed is believed to be cut off, and its work to be running",
		bend: () => ({
			event: (event, fleet) => {
				if (event.type === "worker.connect") return [{ ...event, instance: event.worker }];
				if (event.type !== "worker.sync") return [event];
				const known = new Set(event.attempts.map(({ task, attempt }) => attemptKey(task, attempt)));
				const believed = [...(fleet.workers.get(event.worker)?.held.keys() ?? [])]
					.filter((key) => !known.has(key))
					.map((key) => ({ ...parseAttemptKey(key)!, state: "running" as const }));
				return [{ ...event, attempts: [...event.attempts, ...believed] }];
			},
		}),
	},
	"lost-reads-failed": {
		lesson: 22,
		seeds: 40,
		peer: "a dead worker reads as exit code −1 of the command: no retry, no fallback",
		bend: () => ({
			event: (event, fleet, now) => {
				if (event.type !== "tick") return [event];
				const dead = [...fleet.tasks.values()].flatMap(({ lease }): Event[] => {
					if (lease?.session === undefined || lease.until + fleet.config.leaseMarginMs > now) return [];
					const { worker, session, task, attempt } = lease;
					return [
						{ type: "attempt.completed", worker, session: session as string, task, attempt, report: report("failed", "exit code -1") },
					];
				});
				return [...dead, event];
			},
		}),
	},
	"interrupted-keeps-slots": {
		lesson: 27,
		seeds: 20,
		peer: "the slots of interrupted work stay taken",
		bend: () => ({
			step: (fleet, event, _now, go) => {
				const held = new Map(event.type === "attempt.completed" ? fleet.workers.get(event.worker)?.held : undefined);
				const effects = go();
				if (event.type !== "attempt.completed" || event.report.outcome !== "cancelled") return effects;
				const key = attemptKey(event.task, event.attempt);
				const worker = fleet.workers.get(event.worker);
				const slots = held.get(key);
				if (worker === undefined || slots === undefined || worker.held.has(key)) return effects;
				worker.held.set(key, slots);
				worker.slotsUsed += slots;
				return effects;
			},
		}),
	},
	"benched-for-long": {
		lesson: 28,
		seeds: 40,
		peer: "one transient error keeps a worker from all work for five minutes",
		bend: () => {
			const benched = new Map<string, number>();
			return {
				step: (fleet, event, now, go) => {
					const wrong =
						event.type === "attempt.declined" || (event.type === "attempt.completed" && event.report.outcome === "bad_environment");
					const effects = go();
					if (wrong) benched.set(event.worker, now + 5 * minute);
					for (const [name, until] of benched) {
						const worker = fleet.workers.get(name)!;
						worker.standing.benched = until > now;
						reload(fleet.scheduler, worker);
						if (until <= now) benched.delete(name);
					}
					return effects;
				},
			};
		},
	},
	"first-come-first-served": {
		lesson: 0,
		seeds: 60,
		peer: "work is served in the order in which it came, whoever sent it: one that sends much makes all others wait",
		bend: () => ({
			step: (fleet, _event, _now, go) => {
				// Whoever has been seen waiting is never charged again.
				for (const { ticket } of fleet.tasks.values())
					if (ticket !== undefined) Object.defineProperty(ticket.lane.submitter, "virtualTime", { get: () => 0, set: () => {} });
				return go();
			},
		}),
	},
	"busy-fleet-waits": {
		lesson: 0,
		seeds: 40,
		peer: "the embedded worker is given work only when no other is connected, so a busy fleet lets it wait",
		bend: () => ({
			step: (fleet, _event, _now, go) => {
				for (const { needs } of fleet.scheduler.classes.values())
					if (needs.fallback !== "never") Object.assign(needs, { fallback: { afterMs: Number.POSITIVE_INFINITY } });
				return go();
			},
		}),
	},
	"outlives-its-asker": {
		lesson: 9,
		seeds: 20,
		peer: "who asked has gone, and the work that was for nobody else runs on",
		bend: () => ({
			step: (fleet, _event, _now, go) => {
				for (const hold of fleet.holds.values()) setTimer(fleet.timers, hold, undefined);
				return go();
			},
		}),
	},
	"forgets-renewals": {
		lesson: 0,
		seeds: 30,
		peer: "who asked is still there and has said so, and its work is taken back",
		bend: () => ({
			step: (fleet, event, _now, go) => {
				const before = new Map([...fleet.holds.values()].map((hold) => [hold, hold.until]));
				const effects = go();
				if (event.type === "task.hold") for (const [hold, until] of before) hold.until = until;
				return effects;
			},
		}),
	},
	"told-early": {
		lesson: 0,
		seeds: 100,
		peer: "a change is told before it is durable, and is gone after a crash",
		bend: () => ({ tellsBeforeDurable: true }),
	},
	"recovery-forgets-leases": {
		lesson: 0,
		seeds: 80,
		peer: "a restarted coordinator queues at once what its workers still run",
		bend: () => ({
			recovered: (fleet, now) => {
				for (const task of fleet.tasks.values()) {
					if (task.status === "pending" || task.status === "needs_human" || isEnded(task.status)) continue;
					forgetClaim(fleet, task, now);
				}
			},
		}),
	},
	"snapshot-mixes-moments": {
		lesson: 0,
		seeds: 20,
		peer: "a snapshot is read while the fleet moves on",
		bend: () => ({ snapshotsOverTime: true }),
	},
} as const satisfies Record<string, Fault>;

function forgetClaim(fleet: Fleet, task: Task, now: number): void {
	fleet.tally[task.status]--;
	fleet.tally.pending++;
	task.status = "pending";
	task.pendingSince = now;
}
