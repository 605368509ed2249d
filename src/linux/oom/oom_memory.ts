// SPDX-License-Identifier: MIT
import { exists } from "../fs/exists.ts";
import { parentDir } from "../fs/path_names.ts";
import { subtree } from "../cgroup/files.ts";
import type { Cgroup } from "../cgroup/find.ts";
import * as v1 from "../cgroup/v1.ts";
import * as v2 from "../cgroup/v2.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, OwnedFd } from "../fd/fd.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({
  eventfd: { parameters: [/* unsigned int initval */ "u32", /* int flags */ "i32"], result: "i32" },
  inotify_init1: { parameters: [/* int flags */ "i32"], result: "i32" },
  inotify_add_watch: {
    parameters: [/* int fd */ "i32", /* const char *pathname */ "buffer", /* u32 mask */ "u32"],
    result: "i32",
  },
});

// include/uapi/linux/inotify.h
const IN_MODIFY = 2;

/** The memory of a cgroup as an OOM watch needs it: where v1 and v2 differ. */
export interface OomMemory {
  /** The container's cgroup. */
  readonly path: string;
  /** Whether a notification comes before its kill is counted. */
  readonly early: boolean;
  /** Starts notification; an fd that becomes readable with each. */
  arm(): number;
  /**
   * OOM kills by the cgroup that counts them: in v1 each its own, in v2 the container's all. Empty
   * once the cgroup is gone.
   */
  counts(): ReadonlyMap<string, number>;
  /**
   * Returns the cgroups whose limit can kill in the container: its own, those below, those above.
   */
  candidates(): string[];
  /** Returns how often the own limit of one of these stood in the way. */
  hits(path: string): number;
  /** Its limit, bytes. */
  limit(path: string): number | undefined;
  /** Returns the most it has had in use, bytes; undefined where the kernel does not keep that. */
  peak(path: string): number | undefined;
}

/** Returns the memory of a cgroup; `undefined` where there is no memory controller. */
export function oomMemory({ paths: { memory, unified } }: Cgroup): OomMemory | undefined {
  if (memory !== undefined) return memoryV1(memory);
  if (unified === undefined || v2.memoryUsage(unified) === undefined) return undefined;
  return memoryV2(unified);
}

function memoryV1(path: string): OomMemory {
  return {
    path,
    early: true,
    arm: () => armEventControl(path),
    counts: () => v1.oomCounts(path),
    candidates: () => family(path, "memory.limit_in_bytes"),
    hits: v1.limitHits,
    limit: v1.memoryLimit,
    peak: v1.memoryPeak,
  };
}

function memoryV2(path: string): OomMemory {
  return {
    path,
    early: false,
    arm: () => armInotify(`${path}/memory.events`),
    counts: () => {
      const kills = v2.oomKills(path);
      return new Map(kills === undefined ? [] : [[path, kills]]);
    },
    candidates: () => family(path, "memory.max"),
    hits: v2.limitHits,
    limit: v2.memoryLimit,
    peak: v2.memoryPeak,
  };
}

/** Returns a cgroup, those below it, and those above as far up as they have `file`. */
function family(path: string, file: string): string[] {
  const members = subtree(path);
  for (let dir = parentDir(path); exists(`${dir}/${file}`); dir = parentDir(dir)) members.push(dir);
  return members;
}

/**
 * Returns an eventfd, which cgroup.event_control ("<eventfd> <fd of memory.oom_control>") has
 * signaled when the limit of the cgroup or of one above it leads to an OOM
 * (Documentation/admin-guide/cgroup-v1/ memory.rst, 10. OOM Control), and when the cgroup is
 * removed.
 */
function armEventControl(path: string): number {
  using event = new OwnedFd(check(() => libc().eventfd(0, O_CLOEXEC | O_NONBLOCK), "eventfd"));
  using control = OwnedFd.open(`${path}/memory.oom_control`, O_RDONLY);
  Deno.writeTextFileSync(`${path}/cgroup.event_control`, `${event.fd} ${control.fd}`, {
    create: false,
  });
  return event.release();
}

/**
 * Returns an inotify(7) fd that becomes readable whenever a counter in memory.events grows, for
 * which the kernel reports a change of the file.
 */
function armInotify(path: string): number {
  using inotify = new OwnedFd(
    check(() => libc().inotify_init1(O_CLOEXEC | O_NONBLOCK), "inotify_init1"),
  );
  const name = cstring(path);
  check(() => libc().inotify_add_watch(inotify.fd, name, IN_MODIFY), "inotify_add_watch", path);
  return inotify.release();
}
