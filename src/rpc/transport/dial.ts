// SPDX-License-Identifier: MIT
import { withSocketPath } from "../../linux/fd/unix_path.ts";
import type { Contract, ParamsOf, ResultOf } from "../contract/method.ts";
import { Peer } from "../peer/peer.ts";
import type { CallOptions, PeerOptions } from "../peer/peer.ts";
import { connectSocket } from "./connect.ts";
import type { ConnectSocketOptions } from "./connect.ts";

/** How long to try to connect, and how this end of the connection behaves. */
export interface DialOptions extends PeerOptions, ConnectSocketOptions {}

/**
 * Connects to the Unix socket at `path`, of any length. Rejects as {@linkcode connectSocket} does:
 * with `UnavailableError` when no process listens, with `DeadlineExceededError` when none accepts.
 */
export async function dial(path: string, options: DialOptions): Promise<Peer> {
  const { signal, timeoutMs, ...peerOptions } = options;
  const open = () =>
    withSocketPath(path, (short) => Deno.connect({ transport: "unix", path: short }));
  return new Peer(await connectSocket(path, open, { signal, timeoutMs }), peerOptions);
}

/** Calls the methods of contract `C` with its types. */
export interface TypedClient<C extends Contract> {
  /** See {@linkcode Peer.call}. */
  call<N extends keyof C & string>(
    name: N,
    params: ParamsOf<C, N>,
    options?: CallOptions,
  ): Promise<ResultOf<C, N>>;
}

/**
 * Gives the calls over `peer` the types of contract `C`. Results are not checked here: the other
 * end is berth, which makes them from the same contract.
 */
export function typedClient<C extends Contract>(peer: Peer): TypedClient<C> {
  return {
    call: async <N extends keyof C & string>(
      name: N,
      params: ParamsOf<C, N>,
      options?: CallOptions,
    ) => await peer.call(name, params, options) as ResultOf<C, N>,
  };
}
