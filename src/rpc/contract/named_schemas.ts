// SPDX-License-Identifier: MIT
import type * as z from "zod";
import * as network from "./schemas/network.ts";
import * as results from "./results.ts";
import * as schemas from "./schemas.ts";
import * as stats from "./stats_schema.ts";

/**
 * The schemas that have a name in the OpenRPC document, in the reference and in the client library.
 * Each has a description. A name must not be that of a method in PascalCase, such as ContainerState:
 * generators name the methods so.
 */
export const NAMED_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  ContainerStatus: schemas.containerStatus,
  ExecStatus: schemas.execStatus,
  ShimStatus: schemas.shimStatus,
  ExecState: schemas.execState,
  LogDriver: schemas.logDriver,
  LogOptions: schemas.logParams,
  LogState: schemas.logState,
  Container: schemas.containerState,
  ContainerPage: results.containerList,
  CreateResult: results.createResult,
  StartResult: results.startResult,
  ExecResult: results.execResult,
  ExitStatus: schemas.exitStatus,
  DeleteResult: schemas.deleteResult,
  Removal: schemas.removal,
  RootfsMount: schemas.rootfsMount,
  NetworkOptions: network.networkParams,
  PortOptions: network.portParams,
  Port: network.portState,
  NetworkInterface: network.networkInterface,
  ContainerNetwork: network.networkState,
  Network: network.networkInfo,
  Networks: network.networkList,
  OciProcess: schemas.ociProcess,
  CgroupProcess: schemas.cgroupProcess,
  ProcessList: results.processList,
  EventType: schemas.eventType,
  OomDetails: schemas.oomDetails,
  Event: schemas.event,
  Subscription: results.subscription,
  EventPage: results.eventList,
  CpuStats: stats.cpuStats,
  MemoryStats: stats.memoryStats,
  PidsStats: stats.pidsStats,
  IoDeviceStats: stats.ioDeviceStats,
  IoStats: stats.ioStats,
  Stats: stats.stats,
  StatsEntry: results.containerStats,
  StatsPage: results.statsList,
  StatsSample: results.statsSample,
  StatsSubscription: results.statsSubscription,
  DefaultSpec: results.defaultSpecResult,
  RuntimeInfo: results.runtimeInfo,
  Daemon: results.daemonInfo,
};
