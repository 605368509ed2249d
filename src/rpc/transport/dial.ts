// SPDX-License-Identifier: MIT
import { withSocketPath } from "../../linux/fd/unix_path.ts";
import { DeadlineExceededError, UnavailableError } from "../errors.ts";
import type { Contract, ParamsOf, ResultOf } from "../contract/method.ts";
import { Peer } from "../peer/peer.ts";
import type { CallOptions, PeerOptions } from "../peer/peer.ts";

/** Options of {@linkcode dial}. */
export interface DialOptions extends PeerOptions {
  /** Gives up dialing; rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Gives up after so many milliseconds. */
  readonly timeoutMs?: number;
}

/** How long to wait before dialing again while the other side's queue of connections is full. */
const RETRY_MS = 20;

/**
 * Connects to the Unix socket at `path`, of any length. Nobody there (no such file, connection
 * refused) rejects with {@linkcode UnavailableError}, with `data.errno` "ENOENT" or "ECONNREFUSED"; a
 * side that is there but does not accept within `timeoutMs` with {@linkcode DeadlineExceededError}.
 */
export async function dial(path: string, options: DialOptions = {}): Promise<Peer> {
  const { signal, timeoutMs, ...peerOptions } = options;
  const deadline = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
  while (true) {
    signal?.throwIfAborted();
    try {
      const conn = await withSocketPath(
        path,
        (short) => Deno.connect({ transport: "unix", path: short }),
      );
      if (signal?.aborted) conn.close();
      signal?.throwIfAborted();
      return new Peer(conn, peerOptions);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      // unix(7): EAGAIN when the listener's backlog is full; it never waits.
      if (!(error instanceof Deno.errors.WouldBlock)) throw unavailable(path, error);
      if (performance.now() >= deadline) {
        throw new DeadlineExceededError(`dial ${path}: not accepted within ${timeoutMs} ms`, {
          cause: error,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function unavailable(path: string, cause: unknown): UnavailableError {
  const code: unknown = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const why = code === "ENOENT"
    ? "no such socket"
    : code === "ECONNREFUSED"
    ? "nobody listens there"
    : cause instanceof Error
    ? cause.message
    : String(cause);
  const data = typeof code === "string" ? { errno: code } : {};
  return new UnavailableError(`cannot connect to ${path}: ${why}`, { cause, data });
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
