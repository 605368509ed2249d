// SPDX-License-Identifier: MIT
import type { DaemonContract } from "../../src/rpc/daemon_contract.ts";
import type { ErrorKind } from "../../src/rpc/errors.ts";

/** When a method answers an error of a kind. */
export type ErrorCases = Readonly<Partial<Record<ErrorKind, string>>>;

/** What any method may answer. */
export const ANY_METHOD: ErrorCases = {
  InvalidParams: "the params do not fit; `data.issues` names each path",
  Unavailable: "the daemon is stopping",
  ResourceExhausted: "disk full, too many open files, too many calls at once",
  Internal: "a bug of berth, or a failure of the system that has no kind of its own",
};

/** What any method of a container may answer. */
const CONTAINER: ErrorCases = { NotFound: "no such container" };

/** … and one that asks the container's shim. */
const SHIM: ErrorCases = {
  ...CONTAINER,
  Unavailable: "the shim is gone or cannot be reached",
  DeadlineExceeded: "the shim or the OCI runtime did not answer in time",
};

const RUNTIME: ErrorCases = { ...SHIM, RuntimeError: "the OCI runtime failed" };

/** When each method answers which kind of error, beside what any may. */
export const ERROR_CASES: Readonly<Record<keyof DaemonContract, ErrorCases>> = {
  "daemon.info": {},
  "container.create": {
    AlreadyExists: "the id is taken",
    FailedPrecondition: "a mount of its rootfs failed, or what an earlier one left is still there",
    Unavailable: "its shim could not be started or has died",
    RuntimeError: "the OCI runtime failed; nothing is left of the container",
    DeadlineExceeded: "the shim or the OCI runtime did not answer in time",
  },
  "container.start": { ...RUNTIME, FailedPrecondition: "it is not just created" },
  "container.state": CONTAINER,
  "container.list": {},
  "container.wait": { NotFound: "no such container or exec process" },
  "container.kill": { ...RUNTIME, NotFound: "no such container or process, or it has exited" },
  "container.pause": { ...RUNTIME, FailedPrecondition: "it does not run" },
  "container.resume": { ...RUNTIME, FailedPrecondition: "it is not paused" },
  "container.exec": {
    ...RUNTIME,
    AlreadyExists: "the execId is taken",
    FailedPrecondition: "the container does not run, or is paused",
  },
  "container.deleteProcess": {
    ...SHIM,
    NotFound: "no such container or exec process",
    FailedPrecondition: "the process runs",
  },
  "container.resizePty": {
    ...SHIM,
    NotFound: "no such container or process",
    FailedPrecondition: "it has no terminal",
  },
  "container.closeStdin": { ...SHIM, NotFound: "no such container or process" },
  "container.pids": CONTAINER,
  "container.stats": {
    ...CONTAINER,
    FailedPrecondition: "it has stopped: there are no figures to read",
  },
  "container.update": { ...RUNTIME, FailedPrecondition: "it has stopped" },
  "container.checkpoint": { ...RUNTIME, FailedPrecondition: "it does not run" },
  "container.delete": { ...RUNTIME, FailedPrecondition: "it runs, and `force` is not set" },
  "events.subscribe": {},
  "events.unsubscribe": { NotFound: "this connection has no such subscription" },
};
