// SPDX-License-Identifier: MIT

/** The other end of a connection, as a handler sees it; a `Peer` is one. */
export interface RemoteEnd {
  /** Resolves when the connection is gone, whichever end closed it. Never rejects. */
  readonly closed: Promise<void>;
  /** Bytes that are queued for the other end and not written yet. */
  readonly queuedBytes: number;
  /** Sends a notification; does nothing when the connection is closed. */
  notify(method: string, params?: unknown): void;
  /** Resolves when at most `limit` bytes are queued for the other end, or the connection is gone. */
  drain(limit?: number): Promise<void>;
  /** Closes the connection at once and drops what is queued. */
  close(): void;
}

/** The connection and the signal that a handler is given beside its params. */
export interface HandlerContext {
  /** The connection that the call came on. */
  readonly peer: RemoteEnd;
  /** Aborted when the caller has canceled the call, or that connection is gone. */
  readonly signal: AbortSignal;
}

/** Handles one method. An error that it throws becomes the error response (see `toWire`). */
export type Handler = (params: unknown, context: HandlerContext) => unknown | Promise<unknown>;

/** Handlers by method name. */
export type Handlers = Readonly<Record<string, Handler>>;

/** Receives an error that no caller can act on, such as a bug in a handler. */
export type ErrorListener = (message: string, error: unknown) => void;
