// SPDX-License-Identifier: MIT
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { InitProcess } from "../init/init_process.ts";
import { RwLock } from "../rwlock.ts";
import type { InitRequest } from "../states/init_states.ts";
import type { ShimCgroup } from "./shim_cgroup.ts";

/** The requests that change a container: one at a time, except for those that share the lock. */
export class Requests {
  /** Held by each request. */
  readonly lock = new RwLock();
  readonly #id: string;
  readonly #init: InitProcess;
  readonly #cgroup: ShimCgroup;

  constructor(id: string, init: InitProcess, cgroup: ShimCgroup) {
    this.#id = id;
    this.#init = init;
    this.#cgroup = cgroup;
  }

  /**
   * Does the work of a request alone.
   *
   * @throws {FailedPreconditionError} if the container is not in a state for it, or has stopped
   *   meanwhile.
   */
  exclusive<T>(request: InitRequest, work: () => Promise<T>): Promise<T> {
    return this.lock.exclusive(() => this.#run(request, work));
  }

  /**
   * Does the work of a request beside others that share the lock.
   *
   * @throws {FailedPreconditionError} if the container is not in a state for it, or has stopped
   *   meanwhile.
   */
  shared<T>(request: InitRequest, work: () => Promise<T>): Promise<T> {
    return this.lock.shared(() => this.#run(request, work));
  }

  async #run<T>(request: InitRequest, work: () => Promise<T>): Promise<T> {
    this.#cgroup.syncFreezerState();
    this.#init.check(request);
    try {
      return await work();
    } catch (error) {
      const { name } = this.#init.state;
      if (name !== "stopped" || error instanceof FailedPreconditionError) throw error;
      throw new FailedPreconditionError(
        `cannot ${request} container ${this.#id}: it has stopped meanwhile`,
        { cause: error, data: { id: this.#id, status: name } },
      );
    }
  }
}
