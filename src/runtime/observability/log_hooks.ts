// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import type { CallReport } from "../../oci/driver/runtime_call.ts";
import type { Event } from "../../rpc/contract/schemas.ts";
import type { DaemonHooks } from "./hooks.ts";

/** Logs every event, and at level debug every call of the OCI runtime. */
export const LOG_HOOKS: Pick<DaemonHooks, "event" | "runtimeCall"> = {
  event({ type, id, pid, execId, exitStatus, exitStatusUnknown, synthetic }: Event): void {
    getLogger(["berth", "container"]).info(
      `{id}: ${type}${execId === undefined ? "" : " {execId}"} pid {pid}` +
        (exitStatus === undefined ? "" : ` status {exitStatus}${exitStatusUnknown ? "?" : ""}`) +
        (synthetic ? " (its shim was gone)" : ""),
      { id, pid, execId, exitStatus, type },
    );
  },

  runtimeCall({ warnings = [], ...call }: CallReport): void {
    for (const warning of warnings) {
      getLogger(["berth", "runtime"]).warn("{id}: {subcommand}: {warning}", { ...call, warning });
    }
    getLogger(["berth", "runtime"]).debug(
      "{subcommand} {id}: status {exitCode} after {durationMs} ms",
      () => ({ ...call, durationMs: Math.round(call.durationMs * 10) / 10 }),
    );
  },
};
