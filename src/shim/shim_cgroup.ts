// SPDX-License-Identifier: MIT
import type { Cgroup } from "../linux/cgroup/cgroup.ts";
import { findCgroup, freezerState, pids, thaw } from "../linux/cgroup/cgroup.ts";
import { ESRCH, isErrno } from "../linux/libc/errno.ts";
import type { EventBuffer } from "./event_buffer.ts";
import type { InitProcess } from "./process/init_process.ts";

/** The cgroup of one container: who is in it, and whether it is frozen, whoever did that. */
export class ShimCgroup {
  readonly #init: InitProcess;
  readonly #events: EventBuffer;
  /** How many calls of the runtime are under way for which it may freeze the container. */
  #freezes = 0;
  #cgroup: Cgroup | undefined;

  constructor(init: InitProcess, events: EventBuffer) {
    this.#init = init;
    this.#events = events;
  }

  /** Every process in it; undefined if there is no container. */
  pids(): number[] | undefined {
    const cgroup = this.#find();
    return cgroup === undefined ? undefined : pids(cgroup);
  }

  /** Takes note of a pause or resume that somebody did behind berth's back. */
  syncFreezerState(): void {
    if (this.#freezes > 0) return;
    const { name, pid } = { pid: 0, ...this.#init.state };
    if (name !== "running" && name !== "paused") return;
    const cgroup = this.#find();
    if (cgroup === undefined) return;
    const state = freezerState(cgroup);
    if (state === "frozen" && this.#init.setFrozen(true)) {
      this.#events.publish({ type: "paused", pid });
    }
    if (state === "thawed" && this.#init.setFrozen(false)) {
      this.#events.publish({ type: "resumed", pid });
    }
  }

  /** Does a call for which the runtime freezes the container for a while: that is no pause. */
  async suppressFreezeEvents(call: () => Promise<void>): Promise<void> {
    this.#freezes++;
    try {
      await call();
    } finally {
      this.#freezes--;
    }
  }

  /**
   * Finds the cgroup while init lives: the kernel does not tell that of a process which ends, though
   * others may still be in it.
   */
  resolve(): void {
    this.#find();
  }

  /** The processes that have outlived init; undefined if that is not known. */
  leftPids(): number[] | undefined {
    return this.#cgroup === undefined ? undefined : pids(this.#cgroup);
  }

  /** Sends SIGKILL by `send` and thaws the container, in whose frozen v1 cgroups it would wait. */
  killThawed(send: () => void): void {
    const cgroup = this.#find();
    send();
    if (cgroup !== undefined) thaw(cgroup);
  }

  #find(): Cgroup | undefined {
    const { state } = this.#init;
    if (!("pid" in state) || state.pid === 0 || "exit" in state) return undefined;
    try {
      return this.#cgroup ??= findCgroup(state.pid);
    } catch (error) {
      // Init has ended, which is about to be told.
      if (isErrno(error, ESRCH)) return undefined;
      throw error;
    }
  }
}
