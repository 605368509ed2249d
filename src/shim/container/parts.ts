// SPDX-License-Identifier: MIT
import type { FdReserve } from "../../linux/fd/fd_reserve.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import { exists } from "../../linux/fs/exists.ts";
import type { Reaper } from "../../linux/process/reaper.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { BUNDLE_FORMAT, bundlePaths } from "../../oci/bundle_layout.ts";
import { readJson } from "../../oci/json_file.ts";
import { OciRuntime } from "../../oci/driver/oci_runtime.ts";
import type { RuntimeCall } from "../../rpc/contract/shim.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { EventBuffer } from "../event_buffer.ts";
import { Execs } from "../exec/execs.ts";
import { InitExitHandler } from "../init/init_exit.ts";
import { InitProcess } from "../init/init_process.ts";
import type { ProcessContext } from "../process/process_context.ts";
import { ContainerKiller } from "./container_killer.ts";
import { ProcessRequests } from "./process_requests.ts";
import { Requests } from "./requests.ts";
import { ShimCgroup } from "./shim_cgroup.ts";

/** The bundle, and the parts of the process that manages its container. */
export interface ShimServiceOptions {
  /** Directory of the bundle. */
  readonly bundleDir: string;
  readonly reaper: Reaper;
  readonly poller: Poller;
  /** Provides the fd with which exits are recorded. */
  readonly reserve: FdReserve;
  /** Writes a line to the log. */
  readonly log: (message: string) => void;
  /** Where the OCI runtime is run while that is there. Default: where this process is. */
  readonly runtimeDir?: string;
  /** Whether another shim may adopt the container, for which each exec is recorded. */
  readonly adoptable: boolean;
  /** Called if the bundle directory is gone when init's exit is to be recorded. */
  readonly onBundleGone?: () => void;
}

/** The objects that manage one container in its shim. */
export interface ServiceParts {
  readonly context: ProcessContext;
  readonly events: EventBuffer;
  readonly init: InitProcess;
  readonly initExit: InitExitHandler;
  readonly execs: Execs;
  readonly cgroup: ShimCgroup;
  readonly killer: ContainerKiller;
  readonly requests: Requests;
  readonly processes: ProcessRequests;
}

/**
 * Makes the objects that manage the container of a bundle.
 *
 * @throws {FailedPreconditionError} if `berth.json` is missing or of another format.
 */
export function makeServiceParts(options: ShimServiceOptions): ServiceParts {
  const { bundleDir, runtimeDir, reaper, poller, reserve, log, adoptable, onBundleGone } = options;
  const paths = bundlePaths(bundleDir);
  const record = readJson<BundleRecord>(paths.record);
  if (record?.format !== BUNDLE_FORMAT) {
    throw new FailedPreconditionError(
      `${paths.record} ${record === undefined ? "is missing" : `is of format ${record.format}`}`,
    );
  }
  const events = new EventBuffer();
  const runtime = new OciRuntime({
    command: record.runtime,
    root: record.runtimeRoot,
    spawn: (argv, spawnOptions) => {
      const isThere = runtimeDir !== undefined && exists(runtimeDir);
      return reaper.spawn(argv, { ...spawnOptions, ...(isThere && { cwd: runtimeDir }) });
    },
    // Nobody else asks for it, and what a report tells takes a look at the runtime's log.
    ...(adoptable && { debug: (call: RuntimeCall) => events.runtimeCall(call) }),
  });
  const context = { record, paths, runtime, reaper, poller, reserve, log };
  const init = new InitProcess(context);
  const cgroup = new ShimCgroup(init, events, reserve);
  const killer = new ContainerKiller(context, init, cgroup);
  const barrier = () => initExit.barrier;
  const execs: Execs = new Execs({ context, init, events, barrier, adoptable });
  const initExit = new InitExitHandler({
    context,
    init,
    events,
    killExecs: () => execs.kill(),
    killRest: () => killer.killRest(),
    onBundleGone,
  });
  const { id } = record;
  const processes = new ProcessRequests({ id, init, execs, cgroup, killer, exit: initExit.exit });
  const requests = new Requests(id, init, cgroup);
  return { context, events, init, initExit, execs, cgroup, killer, requests, processes };
}
