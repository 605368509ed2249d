// SPDX-License-Identifier: MIT
import { backoff } from "../event_loop/backoff.ts";
import { memfd, O_RDONLY, O_WRONLY, OwnedFd, pipe2, preadText, write } from "../fd/fd.ts";
import { EINVAL, ETIMEDOUT, LinuxError } from "../libc/errno.ts";
import type { Reaper } from "./reaper.ts";
import { SIGKILL } from "./signals.ts";

/** The ids that a user namespace maps, each in lines as /proc/PID/uid_map has them. */
export interface IdMaps {
  readonly uids: string;
  readonly gids: string;
}

/** Delays between looks at the program, 30 s in all. */
const LOOKS = { first: 1, most: 20, attempts: 1500 };

/**
 * Makes a user namespace that maps ids, and opens it. The program `unshare` makes it and holds it
 * until it is open: a process of several threads cannot make one for itself (unshare(2),
 * CLONE_NEWUSER).
 *
 * @throws LinuxError ENOENT where there is no `unshare`; EINVAL where it makes no namespace, with what
 *   it says, and for maps that the kernel refuses (user_namespaces(7)).
 */
export async function openUserNamespace(reaper: Reaper, maps: IdMaps): Promise<OwnedFd> {
  const { read, write: end } = pipe2();
  using stdin = new OwnedFd(read);
  // `cat` ends with its stdin, also where this process is killed.
  using _holder = new OwnedFd(end);
  using stderr = new OwnedFd(memfd("unshare"));
  const options = { stdin: stdin.fd, stderr: stderr.fd };
  const child = reaper.spawn(["unshare", "-U", "cat"], options);
  let ended = false;
  const exited = child.exited.then(() => void (ended = true));
  try {
    const own = namespaceOf("self");
    for (const delay of backoff(LOOKS)) {
      if (ended) {
        const said = preadText(stderr.fd);
        throw new LinuxError(EINVAL, "unshare", `user namespace: ${said}`);
      }
      // Its pid cannot become another's in this round, for it is not reaped meanwhile.
      if (namespaceOf(child.pid) !== own) return openMapped(child.pid, maps);
      await delay();
    }
    throw new LinuxError(ETIMEDOUT, "unshare", "user namespace");
  } finally {
    if (!ended) child.kill(SIGKILL);
    await exited;
  }
}

function namespaceOf(pid: number | "self"): string {
  return Deno.readLinkSync(`/proc/${pid}/ns/user`);
}

/** Writes the maps of a process's user namespace, and opens it. */
function openMapped(pid: number, { uids, gids }: IdMaps): OwnedFd {
  for (const [name, lines] of [["uid_map", uids], ["gid_map", gids]] as const) {
    using file = OwnedFd.open(`/proc/${pid}/${name}`, O_WRONLY);
    try {
      // The kernel takes a map in one write(2), and once.
      write(file.fd, new TextEncoder().encode(`${lines}\n`));
    } catch (error) {
      if (!(error instanceof LinuxError)) throw error;
      const what = `${name} ${JSON.stringify(lines)}`;
      throw new LinuxError(error.errno, "write", what, { cause: error });
    }
  }
  return OwnedFd.open(`/proc/${pid}/ns/user`, O_RDONLY);
}
