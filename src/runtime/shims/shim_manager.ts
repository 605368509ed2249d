// SPDX-License-Identifier: MIT
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { ShimContract } from "../../rpc/contract/shim.ts";
import { PROTOCOL } from "../../version.ts";
import type { Bundle } from "../bundle/bundle.ts";
import { SocketShimClient } from "./shim_client.ts";
import type { ShimClient, ShimListener, ShimTimeouts } from "./shim_client.ts";

/** How containers get, reach and leave their shims; where the shims run is up to the subclass. */
export abstract class ShimManager implements AsyncDisposable {
  readonly #timeouts: ShimTimeouts;

  constructor(timeouts: ShimTimeouts) {
    this.#timeouts = timeouts;
  }

  /** How many shims wait for a container. */
  abstract readonly idle: number;

  /**
   * Runs `work`, which has a bundle of this group served and connects to it, when no other does so:
   * the next one finds the shim that this one got.
   */
  async withGroupLock<T>(_group: string | undefined, work: () => Promise<T>): Promise<T> {
    return await work();
  }

  /** Has a shim serve the bundle and answers the shim's pid. */
  abstract serve(bundle: Bundle, group: string | undefined, adopt: boolean): Promise<number>;

  /** Has the shim stop serving its bundle, and keeps it for another one where that is worth it. */
  abstract leave(client: ShimClient, pid: number): Promise<void>;

  /** Makes sure that no shim serves the bundle any more, however that has to be done. */
  abstract kill(bundle: Bundle): Promise<void>;

  /** Lets go of all shims; those that serve a container go on. */
  abstract [Symbol.asyncDispose](): Promise<void>;

  /** Connects to the shim that serves the bundle. */
  async dial(bundle: Bundle, listener: ShimListener): Promise<ShimClient> {
    return await SocketShimClient.dial(bundle.paths.shimSocket, listener, this.#timeouts);
  }

  /**
   * Checks what a shim said of itself.
   *
   * @throws {FailedPreconditionError} if it speaks another protocol than this daemon.
   */
  checkProtocol(id: string, hello: ResultOf<ShimContract, "shim.connect">): void {
    if (hello.protocol === PROTOCOL) return;
    throw new FailedPreconditionError(
      `container ${id}: its shim (berth ${hello.version}, pid ${hello.pid}) speaks protocol ` +
        `${hello.protocol}, this daemon ${PROTOCOL}; it is left alone: use the berth that started it`,
      { data: { id, protocol: hello.protocol } },
    );
  }
}
