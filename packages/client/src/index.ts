/** The client SDK: everything that the command line does goes through it. Runs in Node and in a browser. */
export { type ConnectOptions, connect } from "./connect.ts";
export type { EventsOptions } from "./events.ts";
export { type FinalRecord, finalRecord } from "./final-record.ts";
export type { Fleet } from "./fleet.ts";
export type { FollowItem, FollowOptions, OutputItem } from "./follow.ts";
export { clientLimits } from "./limits.ts";
export type { RunOptions } from "./run.ts";
export type { Bytes, Fetch, HttpResponse } from "./transfer.ts";
export type { Dial, DialOptions, WebSocketLike } from "./web-socket.ts";
