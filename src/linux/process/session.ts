// SPDX-License-Identifier: MIT
import { EPERM, isErrno } from "../libc/errno.ts";
import { check, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({ setsid: { parameters: [], result: "i32" } });

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
