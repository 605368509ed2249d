// SPDX-License-Identifier: MIT
import { ECHILD, LinuxError } from "../libc/errno.ts";
import { attempt, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({
  waitid: {
    parameters: [
      /* idtype_t idtype */ "i32",
      /* id_t id */ "u32",
      /* siginfo_t *infop */ "buffer",
      /* int options */ "i32",
    ],
    result: "i32",
  },
});

// include/uapi/linux/wait.h
const P_ALL = 0, P_PID = 1, WNOHANG = 1, WEXITED = 4, WNOWAIT = 0x0100_0000;
// include/uapi/asm-generic/siginfo.h: offsets in siginfo_t on 64 bits, and the si_code of exit(2)
const SIGINFO_SIZE = 128, SI_CODE = 8, SI_PID = 16, SI_STATUS = 24, CLD_EXITED = 1;

/** How a process ended. */
export interface Exit {
  readonly pid: number;
  /** Its exit code, or 128 + the signal that ended it. */
  readonly status: number;
  /** The signal that ended it, if one did. */
  readonly signal?: number;
  /** When it was reaped, RFC 3339 with milliseconds. */
  readonly at: string;
}

/** Asks waitid(2) which children of this process have exited, and never waits for one. */
export class ExitedChildren {
  readonly #siginfo = new Uint8Array(SIGINFO_SIZE);
  readonly #view = new DataView(this.#siginfo.buffer);

  /** Whether this process has any child, one that has exited included. */
  get hasAny(): boolean {
    return this.#waitid(P_ALL, 0, WNOWAIT) !== -ECHILD;
  }

  /** Returns the pid of a child that has exited, which stays a zombie; 0 when there is none. */
  peek(): number {
    return this.#find(P_ALL, 0, WNOWAIT);
  }

  /** Reaps the child `pid`, or any where it is left out; undefined when none is there to be. */
  reap(pid?: number): Exit | undefined {
    const found = pid === undefined ? this.#find(P_ALL, 0, 0) : this.#find(P_PID, pid, 0);
    if (found === 0) return undefined;
    const value = this.#view.getInt32(SI_STATUS, true);
    const at = new Date().toISOString();
    return this.#view.getInt32(SI_CODE, true) === CLD_EXITED
      ? { pid: found, status: value, at }
      : { pid: found, status: 128 + value, signal: value, at };
  }

  #find(type: number, id: number, flags: number): number {
    // With WNOHANG and nothing to report, si_pid is 0 (waitid(2)).
    this.#view.setInt32(SI_PID, 0, true);
    const result = this.#waitid(type, id, flags);
    if (result === -ECHILD) return 0;
    if (result < 0) throw new LinuxError(-result, "waitid");
    return this.#view.getInt32(SI_PID, true);
  }

  /** Returns 0, or the errno below 0. */
  #waitid(type: number, id: number, flags: number): number {
    return attempt(() => libc().waitid(type, id, this.#siginfo, WEXITED | WNOHANG | flags));
  }
}
