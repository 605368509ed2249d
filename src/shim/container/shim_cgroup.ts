// SPDX-License-Identifier: MIT
import type { Cgroup } from "../../linux/cgroup/cgroup.ts";
import { findCgroup, freezerState, pids, thaw } from "../../linux/cgroup/cgroup.ts";
import type { FdReserve } from "../../linux/fd/fd_reserve.ts";
import { ESRCH, isErrno } from "../../linux/libc/errno.ts";
import type { EventBuffer } from "../event_buffer.ts";
import type { InitProcess } from "../init/init_process.ts";

/** The cgroup of one container: its processes and its freezer, which others can use too. */
export class ShimCgroup {
  readonly #init: InitProcess;
  readonly #events: EventBuffer;
  readonly #reserve: FdReserve;
  /** Number of calls in flight for which the runtime may freeze the container. */
  #freezes = 0;
  #cgroup: Cgroup | undefined;

  constructor(init: InitProcess, events: EventBuffer, reserve: FdReserve) {
    this.#init = init;
    this.#events = events;
    this.#reserve = reserve;
  }

  /** Returns the pids of all processes; undefined if there is no container. */
  pids(): number[] | undefined {
    const cgroup = this.#find();
    return cgroup === undefined ? undefined : pids(cgroup);
  }

  /** Records and publishes a pause or resume that was done without berth. */
  syncFreezerState(): void {
    if (this.#freezes > 0) return;
    const { name, pid } = { pid: 0, ...this.#init.state };
    if (name !== "running" && name !== "paused") return;
    // The state can be told, and a paused container resumed, also where no fd is left.
    const cgroup = this.#find();
    if (cgroup === undefined) return;
    const state = this.#reserve.run(() => freezerState(cgroup));
    if (state === "frozen" && this.#init.setFrozen(true)) {
      this.#events.publish({ type: "paused", pid });
    }
    if (state === "thawed" && this.#init.setFrozen(false)) {
      this.#events.publish({ type: "resumed", pid });
    }
  }

  /** Runs `call`, during which the runtime may freeze the container without that being a pause. */
  async suppressFreezeEvents(call: () => Promise<void>): Promise<void> {
    this.#freezes++;
    try {
      await call();
    } finally {
      this.#freezes--;
    }
  }

  /** Returns the pids of processes that have outlived init; undefined if that is not known. */
  leftPids(): number[] | undefined {
    return this.#cgroup === undefined ? undefined : pids(this.#cgroup);
  }

  /** Sends SIGKILL by `send`, then thaws the container: frozen in v1, its processes would not die. */
  killThawed(send: () => void): void {
    const cgroup = this.#find();
    send();
    if (cgroup !== undefined) this.#reserve.run(() => thaw(cgroup));
  }

  /**
   * Returns the cgroup: while init lives, and later if it was found before. That of an exiting
   * process cannot be found, though other processes may still be in it.
   */
  find(): Cgroup | undefined {
    return this.#find() ?? this.#cgroup;
  }

  #find(): Cgroup | undefined {
    const { state } = this.#init;
    if (!("pid" in state) || state.pid === 0 || "exit" in state) return undefined;
    try {
      return this.#cgroup ??= this.#reserve.run(() => findCgroup(state.pid));
    } catch (error) {
      // Init has exited, which is about to be handled.
      if (isErrno(error, ESRCH)) return undefined;
      throw error;
    }
  }
}
