// SPDX-License-Identifier: MIT
import { FdReserve } from "../../linux/fd/fd_reserve.ts";
import { Poller } from "../../linux/fd/poller.ts";
import type { Reaper } from "../../linux/process/reaper.ts";
import { FailedPreconditionError, NotFoundError } from "../../rpc/errors.ts";
import { BundleServer } from "../../shim/bundle_server.ts";
import type { Bundle } from "../bundle/bundle.ts";
import { ShimManager } from "./shim_manager.ts";
import type { ShimClient, ShimTimeouts } from "./shim_client.ts";

/**
 * `no_shim`: the shim's service runs in the daemon, behind the bundle's socket as ever, so that
 * nothing else need know. Containers outlive the daemon, but their exits are not observed while it
 * is away.
 */
export class InProcessShimManager extends ShimManager {
  readonly #reaper: Reaper;
  readonly #poller = new Poller();
  readonly #reserve = new FdReserve();
  readonly #served = new Map<string, BundleServer>();

  constructor(reaper: Reaper, timeouts: ShimTimeouts) {
    super(timeouts);
    this.#reaper = reaper;
  }

  /** There are no processes to keep ready. */
  readonly idle = 0;

  protected override async serve(bundle: Bundle, adopt: boolean) {
    const { dir } = bundle.paths;
    if (this.#served.has(dir)) throw new FailedPreconditionError(`${dir} is served already`);
    const served: BundleServer = new BundleServer({
      dir,
      reaper: this.#reaper,
      poller: this.#poller,
      reserve: this.#reserve,
      shimProcess: {
        exit: async () => {
          await served.leave();
          return { reused: false };
        },
        serve: () => {
          throw new NotFoundError("a daemon with no_shim has no shim groups");
        },
      },
      onLeft: () => {
        if (this.#served.get(dir) === served) this.#served.delete(dir);
      },
    });
    this.#served.set(dir, served);
    try {
      await served.open(adopt);
    } catch (error) {
      await served.leave();
      throw error;
    }
    return Deno.pid;
  }

  protected override async leave(client: ShimClient): Promise<void> {
    await client.call("shim.exit", {});
  }

  override async kill(bundle: Bundle): Promise<void> {
    await this.#served.get(bundle.paths.dir)?.leave();
  }

  /**
   * Lets the containers go on. What is served is left as a daemon leaves it that is killed: the next one
   * takes over from there, with the FIFOs of a log, which a shim that leaves removes.
   */
  override [Symbol.asyncDispose](): Promise<void> {
    this.#poller[Symbol.dispose]();
    this.#reserve[Symbol.dispose]();
    return Promise.resolve();
  }
}
