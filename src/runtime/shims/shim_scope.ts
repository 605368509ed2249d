// SPDX-License-Identifier: MIT
import { isGone, readText } from "../../linux/cgroup/files.ts";
import { detectCgroupDriver, unifiedHierarchy } from "../../linux/cgroup/driver.ts";
import { cgroupHierarchies, type Hierarchy } from "../../linux/cgroup/find.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import { after } from "../../linux/event_loop/timer.ts";
import { memfd, OwnedFd, preadText } from "../../linux/fd/fd.ts";
import { exists } from "../../linux/fs/exists.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { runtimeEnvironment } from "../../oci/driver/runtime_environment.ts";
import type { Spawn } from "../../oci/driver/spawn.ts";
import { logFailure } from "../util/log_failure.ts";

/** The unit in which shims are, and the slice that it is in. */
const SCOPE = "berth-shims.scope";
const SLICE = "system.slice";

/**
 * Properties of the scope (systemd.resource-control(5), systemd.scope(5)), as arguments of busctl(1).
 * Without `DefaultDependencies` it goes last at a shutdown, after the daemon's unit has stopped the
 * containers in their order. Delegated, it is not stopped as a whole when one shim runs out of memory.
 */
const PROPERTIES = [
  ["Description", "s", "Shims of berth's containers"],
  ["Slice", "s", SLICE],
  ["Delegate", "b", "true"],
  ["DefaultDependencies", "b", "false"],
  ["CollectMode", "s", "inactive-or-failed"],
  ["TasksMax", "t", "18446744073709551615"],
];

/**
 * A unit that shims are to outlive (proc_pid_cgroup(5)): a service, or a part of a login, which is
 * `user.slice`. A session waits at its end until every process has gone, and then kills what is left.
 */
const UNIT = /^0::\/(user\.slice\/.+|.+\.service)$/m;

/** How long systemd may take to answer, and to make the scope that it has agreed to, in milliseconds. */
const MOST_ASKING = 30_000, MOST_MAKING = 5_000;

/** How long a systemd that has refused is not asked again, in milliseconds. */
const PAUSE = 60_000;

/** The scope's cgroup, and how systemd is asked for it. */
export interface ShimScopeOptions {
  /** Starts the program: the daemon reaps every process, so that `Deno.Command` would wait in vain. */
  readonly spawn: Spawn;
  /** The program that asks systemd for the scope: a name in PATH, or a path. */
  readonly busctl?: string;
  /** Directory of the scope's cgroup. */
  readonly dir: string;
  /** How long a systemd that has refused is not asked again, in milliseconds; by default a minute. */
  readonly pause?: number;
}

/**
 * A scope of systemd's for the shims of a daemon that is a service, or runs in a login session. They
 * outlive the daemon: in its unit, systemd would complain of each at every stop and start, and would kill
 * them with the session.
 */
export class ShimScope {
  readonly #spawn: Spawn;
  readonly #busctl: string;
  readonly #procs: string;
  /** Ends when systemd has been asked for the shims before. */
  #asking: Promise<void> = Promise.resolve();
  readonly #pause: number;
  /** Until then (performance.now()) systemd is not asked, for it has refused. */
  #pausedUntil = 0;
  #complained = false;

  constructor({ spawn, busctl = "busctl", dir, pause = PAUSE }: ShimScopeOptions) {
    this.#spawn = spawn;
    this.#busctl = busctl;
    this.#procs = `${dir}/cgroup.procs`;
    this.#pause = pause;
  }

  /**
   * Returns the scope if this daemon is a service, or was started in a login session, of a systemd that is
   * alone in the cgroup tree; undefined elsewhere.
   *
   * @param spawn starts the program that asks systemd.
   * @param membership the file that names the daemon's cgroup (proc_pid_cgroup(5)).
   */
  static find(
    spawn: Spawn,
    membership = "/proc/self/cgroup",
    hierarchies: readonly Hierarchy[] = cgroupHierarchies(),
    systemd?: string,
  ): ShimScope | undefined {
    if (detectCgroupDriver({ systemd, hierarchies }) !== "systemd") return undefined;
    if (!UNIT.test(readText(membership) ?? "")) return undefined;
    const unified = unifiedHierarchy(hierarchies);
    if (unified === undefined || unified.root !== "/") return undefined;
    return new ShimScope({ spawn, dir: `${unified.mountPoint}/${SLICE}/${SCOPE}` });
  }

  /**
   * Moves a shim into the scope, which is made for the first. Where that fails, the shim stays in the
   * daemon's unit, which is logged once, and systemd is asked again for a later one. Resolves when it
   * is done; never rejects.
   */
  place(pid: number): Promise<void> {
    if (this.#move(pid)) return Promise.resolve();
    // One after the other: the second finds the scope of the first.
    return this.#asking = this.#asking.then(async () => {
      if (performance.now() < this.#pausedUntil || this.#move(pid)) return;
      await this.#make(pid);
    }).catch((error) => {
      // Another daemon may have made it in this moment, or the shim have ended.
      if (!this.#move(pid) && exists(`/proc/${pid}`)) this.#complain(error);
    });
  }

  /** Returns false if there is no scope. */
  #move(pid: number): boolean {
    try {
      Deno.writeTextFileSync(this.#procs, String(pid), { create: false });
      return true;
    } catch (error) {
      // The shim has ended.
      if (errnoNameOf(error) === "ESRCH") return true;
      if (isGone(error)) return false;
      this.#complain(error);
      return true;
    }
  }

  async #make(pid: number): Promise<void> {
    const manager = "org.freedesktop.systemd1";
    using stderr = new OwnedFd(memfd("busctl"));
    const argv = [
      ...[this.#busctl, "call", "--quiet", manager, "/org/freedesktop/systemd1"],
      ...[`${manager}.Manager`, "StartTransientUnit", "ssa(sv)a(sa(sv))", SCOPE, "fail"],
      ...[String(PROPERTIES.length + 1), ...PROPERTIES.flat()],
      ...["PIDs", "au", "1", String(pid), "0"],
    ];
    const child = this.#spawn(argv, {
      env: runtimeEnvironment(),
      stderr: stderr.fd,
      oomScoreAdj: 0,
    });
    using _timer = after(MOST_ASKING, () => child.kill(SIGKILL));
    const { status } = await child.exited;
    if (status !== 0) {
      const said = preadText(stderr.fd);
      throw new Error(`busctl ended with ${status}: ${said}`);
    }
    // The answer is only that there is a job; the next shim looks for the cgroup.
    const end = performance.now() + MOST_MAKING;
    for (const delay of backoff({ first: 5, most: 100 })) {
      if (exists(this.#procs) || performance.now() > end) return;
      await delay();
    }
  }

  #complain(error: unknown): void {
    this.#pausedUntil = performance.now() + this.#pause;
    if (this.#complained) return;
    this.#complained = true;
    logFailure("warn", "shim", "cannot move shims to {scope}: {reason}", error, { scope: SCOPE });
  }
}
