// SPDX-License-Identifier: MIT
// The schemas of params and results that several methods share.
export { containerState, containerStatus, rootfsMount, shimStatus } from "./schemas/container.ts";
export type {
  ContainerState,
  ContainerStatus,
  RootfsMount,
  ShimStatus,
} from "./schemas/container.ts";
export { event, eventType, oomDetails } from "./schemas/event.ts";
export type { Event, EventType } from "./schemas/event.ts";
export { logDriver, logParams, logState } from "./schemas/log.ts";
export type { LogParams, LogState } from "./schemas/log.ts";
export {
  cgroupProcess,
  deleteResult,
  execState,
  execStatus,
  exitStatus,
  ociProcess,
  removal,
} from "./schemas/process.ts";
export type {
  DeleteResult,
  ExecState,
  ExecStatus,
  OciProcess,
  Removal,
} from "./schemas/process.ts";
export { restartDetails, restartPolicy } from "./schemas/restart.ts";
export type { RestartPolicy } from "./schemas/restart.ts";
export { stdinTarget, stdioParams, stdioTarget } from "./schemas/stdio.ts";
export {
  absolutePath,
  containerId,
  execId,
  jsonObject,
  kernelText,
  labels,
  signal,
  textLike,
  time,
} from "./schemas/text.ts";
