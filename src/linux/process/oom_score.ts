// SPDX-License-Identifier: MIT
// Sets how readily the OOM killer takes a process.
import { O_RDWR, O_WRONLY, OwnedFd, read, write } from "../fd/fd.ts";
import { EACCES, isErrno } from "../libc/errno.ts";

/**
 * Sets how readily the OOM killer takes a process: -1000 never, 1000 first
 * (proc_pid_oom_score_adj(5)). Children inherit it.
 *
 * @throws LinuxError EACCES when lowered without CAP_SYS_RESOURCE; ENOENT; EINVAL
 */
export function setOomScoreAdj(pid: number | "self", adjustment: number): void {
  using file = OwnedFd.open(`/proc/${pid}/oom_score_adj`, O_WRONLY);
  writeScore(file.fd, adjustment);
}

/**
 * Gives this process another OOM score until the result is disposed. A child that is started
 * meanwhile has it from its first instruction on, which no write after its start could promise.
 * Without CAP_SYS_RESOURCE a score is not lowered (proc_pid_oom_score_adj(5)): then nothing changes.
 *
 * @throws LinuxError
 */
export function borrowOomScoreAdj(adjustment: number): Disposable {
  using opened = OwnedFd.open("/proc/self/oom_score_adj", O_RDWR);
  const own = readScore(opened);
  if (own === adjustment) return { [Symbol.dispose]: () => {} };
  try {
    writeScore(opened.fd, adjustment);
  } catch (error) {
    if (!isErrno(error, EACCES)) throw error;
    return { [Symbol.dispose]: () => {} };
  }
  const file = new OwnedFd(opened.release());
  return {
    [Symbol.dispose]: () => {
      using _closed = file;
      writeScore(file.fd, own);
    },
  };
}

function readScore(file: OwnedFd): number {
  const buffer = new Uint8Array(16);
  return Number(new TextDecoder().decode(buffer.subarray(0, read(file.fd, buffer))));
}

function writeScore(fd: number, adjustment: number): void {
  write(fd, new TextEncoder().encode(String(adjustment)));
}
