// SPDX-License-Identifier: MIT
// The environment, the OOM score and the cgroup of shims.
import { getLogger } from "@logtape/logtape";
import { cgroupHierarchies } from "../../linux/cgroup/cgroup.ts";
import { joinCgroup } from "../../linux/cgroup/join.ts";
import { EACCES, isErrno } from "../../linux/libc/errno.ts";
import { pickEnvironment } from "../../linux/process/environment.ts";
import { FILE_LIMIT_VARIABLE } from "../../linux/process/file_limit.ts";
import { setOomScoreAdj } from "../../linux/process/oom_score.ts";
import { RUNTIME_VARIABLES } from "../../oci/driver/runtime_environment.ts";
import type { Spawn } from "../../oci/driver/spawn.ts";
import type { Config } from "../config/config.ts";
import { logFailure } from "../util/log_failure.ts";
import { ShimScope } from "./shim_scope.ts";

/**
 * The variables that shims get of the daemon's environment: those for the runtime, which they start;
 * those by which Deno and berth find their own files; and that of the failpoints of tests.
 */
const PASSED = [
  ...RUNTIME_VARIABLES,
  "XDG_CACHE_HOME",
  "DENO_DIR",
  "DENO_NO_UPDATE_CHECK",
  "DENO_V8_FLAGS",
  "BERTH_CACHE",
  "BERTH_FAILPOINTS",
];

/**
 * Returns the environment of the shims.
 *
 * @param fileLimit soft limit of open files that containers start with; the shims raise their own.
 */
export function shimEnvironment(fileLimit: bigint | undefined): Record<string, string> {
  const picked = pickEnvironment(PASSED);
  return fileLimit === undefined ? picked : { ...picked, [FILE_LIMIT_VARIABLE]: String(fileLimit) };
}

/**
 * Puts each started shim where the config wants it: an OOM score that spares it before its
 * container, and a cgroup of its own, by default systemd's {@linkcode ShimScope}. A shim that cannot
 * be placed still serves, so the failure is logged, once.
 */
export function shimPlacement(
  { oom_score_adj, cgroup }: Config["shim"],
  spawn: Spawn,
): (pid: number) => void {
  const hierarchies = cgroup === undefined ? [] : cgroupHierarchies();
  const scope = cgroup === undefined ? ShimScope.find(spawn) : undefined;
  const told = new Set<string>();
  const attempt = (what: string, pid: number, place: () => void) => {
    try {
      place();
    } catch (error) {
      // It will be so for each one.
      if (told.has(what)) return;
      told.add(what);
      if (what === "OOM score" && isErrno(error, EACCES)) {
        getLogger(["berth", "shim"]).info(
          "without CAP_SYS_RESOURCE shims keep the daemon's OOM score: the config's is lower",
        );
        return;
      }
      logFailure("warn", "shim", "cannot set the {what} of shim {pid}: {reason}", error, {
        what,
        pid,
      });
    }
  };
  return (pid) => {
    // Without CAP_SYS_RESOURCE a process may only be made a likelier victim (proc_pid_oom_score_adj).
    attempt("OOM score", pid, () => setOomScoreAdj(pid, oom_score_adj));
    if (cgroup !== undefined) attempt("cgroup", pid, () => joinCgroup(pid, cgroup, hierarchies));
    void scope?.place(pid);
  };
}
