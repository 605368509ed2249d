// SPDX-License-Identifier: MIT
/**
 * The client of a berth daemon, for Deno and Node.
 *
 * @module
 */
export * from "../rpc/peer/call_options.ts";
export { DEFAULT_SOCKET } from "../default_socket.ts";
export { Client, connect } from "./client.ts";
export type {
  ConnectOptions,
  CreateOptions,
  CreateParams,
  ListOptions,
  StatsOptions,
} from "./client.ts";
export { Container } from "./container.ts";
export type { CheckpointOptions, DeleteOptions, ExecParams, StopOptions } from "./container.ts";
export type * from "./daemon_types.ts";
export { EventStream } from "./events.ts";
export type { EventsOptions, StreamedEvent } from "./events.ts";
export { ContainerProcess, ExecProcess } from "./process.ts";
export type { KillOptions } from "./process.ts";
export { RunTimeoutError } from "./run.ts";
export type {
  DefaultSpecParams,
  OciSpec,
  RunOptions,
  RunOutput,
  RunParams,
  RunResult,
} from "./run.ts";
export type { StatsReading, WatchStatsOptions } from "./stats_stream.ts";
export type { PipedStreams, StderrOf, StdioParams, StreamOf } from "./stdio.ts";
export * from "../rpc/errors.ts";
