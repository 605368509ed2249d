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

  /** SIGKILL waits in a frozen cgroup of v1; whoever froze it, it is thawed. */
  thawForKill(): void {
    const cgroup = this.#find();
    if (cgroup === undefined) return;
    const state = freezerState(cgroup);
    if (state === "frozen" || state === "freezing") thaw(cgroup);
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
