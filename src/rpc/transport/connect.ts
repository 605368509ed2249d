// SPDX-License-Identifier: MIT
// Connects to Unix sockets.
import { isExhausted } from "../../linux/libc/errno.ts";
import { DeadlineExceededError, ResourceExhaustedError, UnavailableError } from "../errors.ts";
import { messageOf } from "../../error_text.ts";
import type { Connection } from "../peer/peer.ts";
import { pause } from "./pause.ts";

/** When {@linkcode connectSocket} gives up. */
export interface ConnectSocketOptions {
  /** Gives up connecting; rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up after so many milliseconds. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Names of the errnos of a connection that fails because no process listens (unix(7)). ECONNRESET: the
 * process ended, or listened no more, before it had accepted the connection.
 */
export const NOBODY_LISTENS: ReadonlySet<unknown> = new Set([
  "ENOENT",
  "ECONNREFUSED",
  "ECONNRESET",
]);

/** Pause before connecting again while the listener's queue is full, milliseconds. */
const RETRY_MS = 20;

/**
 * Connects to a Unix socket by `open`, again and again while the listener's queue is full. `name` is
 * what error messages call the other end.
 *
 * Rejects with {@linkcode UnavailableError} when no process listens: `data.errno` is then one of
 * {@linkcode NOBODY_LISTENS}. Rejects with {@linkcode DeadlineExceededError} when
 * a process listens but does not accept within `timeoutMs`, and with {@linkcode ResourceExhaustedError}
 * when this process cannot connect for lack of files or memory, which says nothing of the other end.
 */
export async function connectSocket(
  name: string,
  open: () => Promise<Connection>,
  options: ConnectSocketOptions = {},
): Promise<Connection> {
  const { signal, timeoutMs } = options;
  const deadline = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
  while (true) {
    signal?.throwIfAborted();
    try {
      const connection = await open();
      if (signal?.aborted) connection.close();
      signal?.throwIfAborted();
      return connection;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
      // unix(7): EAGAIN when the listener's backlog is full; it never waits.
      if (code !== "EAGAIN") {
        if (isExhausted(error)) {
          const message = `cannot connect to ${name}: ${error.message}`;
          throw new ResourceExhaustedError(message, { cause: error });
        }
        throw unavailable(name, error, code);
      }
      if (performance.now() >= deadline) {
        throw new DeadlineExceededError(`dial ${name}: not accepted within ${timeoutMs} ms`, {
          cause: error,
        });
      }
    }
    await pause(RETRY_MS, signal);
  }
}

function unavailable(name: string, cause: unknown, code: unknown): UnavailableError {
  const why = code === "ENOENT"
    ? "no such socket"
    : NOBODY_LISTENS.has(code)
    ? "nobody listens there"
    : messageOf(cause);
  const data = typeof code === "string" ? { errno: code } : {};
  return new UnavailableError(`cannot connect to ${name}: ${why}`, { cause, data });
}
