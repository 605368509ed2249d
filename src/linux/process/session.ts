// SPDX-License-Identifier: MIT
// Gives this process a session and a core-scheduling cookie of its own.
import { EPERM, isErrno } from "../libc/errno.ts";
import { check, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({ setsid: { parameters: [], result: "i32" } });

const prctlLibc = lazyLibc({
  prctl: {
    parameters: [
      /* int op */ "i32",
      /* unsigned long arg2 */ "usize",
      /* unsigned long arg3 */ "usize",
      /* unsigned long arg4 */ "usize",
      /* unsigned long arg5 */ "usize",
    ],
    result: "i32",
  },
});

// include/uapi/linux/prctl.h
const PR_SCHED_CORE = 62, PR_SCHED_CORE_CREATE = 1n, PR_SCHED_CORE_SCOPE_PROCESS_GROUP = 2n;

/**
 * Makes this process the leader of a session of its own, out of reach of signals to the group that it
 * was started in (setsid(2)). One that leads a group already stays in it.
 *
 * @throws LinuxError
 */
export function setsid(): void {
  try {
    check(() => libc().setsid(), "setsid");
  } catch (error) {
    if (!isErrno(error, EPERM)) throw error;
  }
}

/**
 * Gives the process group of this process a core-scheduling cookie of its own: no other process shares
 * a core with it (Documentation/admin-guide/hw-vuln/core-scheduling.rst).
 *
 * @throws LinuxError ENODEV where the machine has no such cores; EINVAL before Linux 5.14
 */
export function createCoreScheduling(): void {
  const { prctl } = prctlLibc();
  const scope = PR_SCHED_CORE_SCOPE_PROCESS_GROUP;
  check(() => prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0n, scope, 0n), "prctl", "PR_SCHED_CORE");
}
