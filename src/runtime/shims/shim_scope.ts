// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { isGone, readText } from "../../linux/cgroup/files.ts";
import { detectCgroupDriver } from "../../linux/cgroup/driver.ts";
import { cgroupHierarchies, type Hierarchy } from "../../linux/cgroup/find.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { messageOf } from "../../rpc/error_text.ts";

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

/** Options of {@linkcode ShimScope}. */
export interface ShimScopeOptions {
  /** The program that asks systemd for the scope: a name in PATH, or a path. */
  readonly busctl?: string;
  /** Directory of the scope's cgroup. */
  readonly dir: string;
}

/**
 * A scope of systemd's for the shims of a daemon that is a service. They outlive the daemon: in its
 * unit, systemd would complain of each at every stop and start.
 */
export class ShimScope {
  readonly #busctl: string;
  readonly #procs: string;
  /** Ends when systemd has been asked for the shims before. */
  #asking: Promise<void> = Promise.resolve();
  #failed = false;

  constructor({ busctl = "busctl", dir }: ShimScopeOptions) {
    this.#busctl = busctl;
    this.#procs = `${dir}/cgroup.procs`;
  }

  /**
   * Returns the scope if this daemon is a service of a systemd that is alone in the cgroup tree;
   * undefined elsewhere.
   *
   * @param membership the file that names the daemon's cgroup (proc_pid_cgroup(5)).
   */
  static find(
    membership = "/proc/self/cgroup",
    hierarchies: readonly Hierarchy[] = cgroupHierarchies(),
    systemd = "/run/systemd/system",
  ): ShimScope | undefined {
    if (detectCgroupDriver({ systemd, hierarchies }) !== "systemd") return undefined;
    if (!/^0::\/.+\.service$/m.test(readText(membership) ?? "")) return undefined;
    const [unified] = hierarchies;
    if (unified === undefined || unified.root !== "/") return undefined;
    return new ShimScope({ dir: `${unified.mountPoint}/${SLICE}/${SCOPE}` });
  }

  /**
   * Moves a shim into the scope, which is made for the first. Where that fails, the shim stays in the
   * daemon's unit, which is logged once. Resolves when it is done; never rejects.
   */
  place(pid: number): Promise<void> {
    if (this.#move(pid)) return Promise.resolve();
    // One after the other: the second finds the scope of the first.
    return this.#asking = this.#asking.then(async () => {
      if (this.#failed || this.#move(pid)) return;
      await this.#make(pid);
    }).catch((error) => this.#complain(error));
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
    const { success, code, stderr } = await new Deno.Command(this.#busctl, {
      args: [
        ...["call", "--quiet", manager, "/org/freedesktop/systemd1", `${manager}.Manager`],
        ...["StartTransientUnit", "ssa(sv)a(sa(sv))", SCOPE, "fail"],
        ...[String(PROPERTIES.length + 1), ...PROPERTIES.flat()],
        ...["PIDs", "au", "1", String(pid), "0"],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (success) return;
    throw new Error(`busctl ended with ${code}: ${new TextDecoder().decode(stderr).trim()}`);
  }

  #complain(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    getLogger(["berth", "shim"]).warn("cannot move shims to {scope}: {reason}", {
      scope: SCOPE,
      reason: messageOf(error),
      error,
    });
  }
}
