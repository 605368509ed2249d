// SPDX-License-Identifier: MIT
// A server of ttrpc.
import type { Decoded } from "../protobuf/fields.ts";
import { decode, encode } from "../protobuf/codec.ts";
import { countedBytes, FLAG, FRAME, type Frame, FrameReader, FrameWriter } from "./frame.ts";
import { CODE, Request, Response, TtrpcError } from "./messages.ts";
import { ByteBudget } from "../../rpc/protocol/byte_budget.ts";
import { after, MAX_TIMER_MS } from "../../linux/event_loop/timer.ts";
import { messageOf } from "../../error_text.ts";

/**
 * Answers one call: takes the request's payload and returns the response's. The signal is aborted
 * when the client has gone or its time-out is over. A {@linkcode TtrpcError} gives its code; any
 * other error is sent as "unknown".
 */
export interface TtrpcHandler {
  (payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** Whether it may take as long as a container lives; such calls hold up no others. */
  readonly waits?: boolean;
}

/** Finds the handler of `service` and `method`; undefined where there is none. */
export type TtrpcRouter = (service: string, method: string) => TtrpcHandler | undefined;

/** The most calls of one connection that are under way at a time; more have to wait. */
const MAX_CALLS = 1024;
/** The most calls of one connection that wait for something; more are refused. */
const MAX_WAITS = 4096;
/** No more is read while a client leaves this many bytes of answers unread. */
const MAX_QUEUED = 16 * 1024 * 1024;
/** A client that leaves more bytes of answers than this unread has its short ones counted, too. */
const FEW_QUEUED = 64 * 1024;
/** An answer that waits takes up to so many bytes beside its data, most of them until V8 collects them. */
const ANSWER_BYTES = 16 * 1024;

/** The part of a `Deno.Conn` that a server and a client use. */
export interface TtrpcConn {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/**
 * Serves one connection until the client closes it or {@linkcode TtrpcConn.close} is called. Calls
 * run concurrently and are answered as they end. Resolves when the connection is gone; what still
 * runs then has had its signal aborted.
 *
 * @param budget Bounds what this connection and others hold: frames, until they are complete and
 *   their calls have ended, and answers that are not read. It closes those that hold most for long.
 * @param log Called with the reason where the connection was closed for that.
 * @throws whatever reading throws, but for the end of the connection.
 */
export async function serveConnection(
  conn: TtrpcConn,
  router: TtrpcRouter,
  budget: ByteBudget = new ByteBudget(),
  log?: (message: string) => void,
): Promise<void> {
  const gone = new AbortController();
  const account = budget.open(() => {
    log?.(`a connection was closed for what it holds, ${account.bytes} bytes`);
    closeConnection(conn);
  });
  const writer = new FrameWriter((bytes) => conn.write(bytes));
  const frames = new FrameReader(
    (buffer) => conn.read(buffer),
    (length) => account.add(countedBytes(length)),
  );
  const calls = new Set<Promise<void>>();
  let waits = 0;
  let settledOne = Promise.withResolvers<void>();
  let latest = 0;
  const answer = (stream: number, response: Parameters<typeof encode<typeof Response>>[1]) => {
    const data = encode(Response, response);
    const isUnread = writer.queuedBytes > FEW_QUEUED;
    const bytes = isUnread ? ANSWER_BYTES + data.length : countedBytes(data.length);
    account.add(bytes);
    return writer.write({ stream, type: FRAME.response, data }).finally(() => account.add(-bytes));
  };
  const refuse = (stream: number, code: number, text: string) =>
    answer(stream, { status: { code, message: text } });

  /** Handles a frame. The promise resolves when the response is written. */
  const take = async ({ stream, type, flags, data }: Frame): Promise<void> => {
    if (type === FRAME.data) {
      return await refuse(stream, CODE.invalidArgument, `no stream ${stream}`);
    }
    // Frames of types to come are not for this server.
    if (type !== FRAME.request) return;
    if (stream % 2 === 0 || stream <= latest) {
      return await refuse(stream, CODE.invalidArgument, `bad stream ${stream}`);
    }
    latest = stream;
    if (data === undefined) {
      return await refuse(stream, CODE.resourceExhausted, "the message is larger than 4 MiB");
    }
    if ((flags & FLAG.remoteOpen) !== 0) {
      return await refuse(stream, CODE.unimplemented, "no method streams");
    }
    try {
      const request = decode(Request, data);
      const handler = handlerOf(request, router);
      const waiting = handler.waits === true;
      if (waiting && waits >= MAX_WAITS) {
        const text = `${waits} calls of this connection wait already`;
        return await refuse(stream, CODE.resourceExhausted, text);
      }
      if (waiting) waits++;
      let payload: Uint8Array;
      try {
        payload = await call(request, handler, gone.signal);
      } finally {
        if (waiting) waits--;
      }
      await answer(stream, { payload });
    } catch (error) {
      if (gone.signal.aborted) return;
      const code = error instanceof TtrpcError ? error.code : CODE.unknown;
      await refuse(stream, code, messageOf(error));
    }
  };

  try {
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
      const bytes = countedBytes(frame.data?.length ?? 0);
      const taken = take(frame);
      // A write that fails ends the reading, too: the connection is gone.
      const settled: Promise<void> = taken.catch(() => closeConnection(conn)).finally(() => {
        calls.delete(settled);
        account.add(-bytes);
        settledOne.resolve();
        settledOne = Promise.withResolvers();
      });
      calls.add(settled);
      while (calls.size - waits >= MAX_CALLS || writer.queuedBytes > MAX_QUEUED) {
        await settledOne.promise;
      }
    }
  } catch (error) {
    // The client has reset the connection, or it was closed here: either way it is over.
    if (!isGone(error)) throw error;
  } finally {
    account.close();
    gone.abort(new TtrpcError(CODE.cancelled, "the client has gone"));
    await Promise.all(calls);
  }
}

function handlerOf(
  { service, method }: Decoded<typeof Request>,
  router: TtrpcRouter,
): TtrpcHandler {
  const handler = router(service, method);
  if (handler !== undefined) return handler;
  throw new TtrpcError(CODE.unimplemented, `no method ${service}/${method}`);
}

async function call(
  { method, payload, timeout_nano }: Decoded<typeof Request>,
  handler: TtrpcHandler,
  gone: AbortSignal,
): Promise<Uint8Array> {
  if (timeout_nano <= 0n) return await handler(payload, gone);
  const late = new AbortController();
  const error = new TtrpcError(CODE.deadlineExceeded, `${method} took longer than it was given`);
  const ms = Math.min(Number(timeout_nano / 1_000_000n), MAX_TIMER_MS);
  using _timer = after(ms, () => late.abort(error));
  const { promise, reject } = Promise.withResolvers<never>();
  late.signal.addEventListener("abort", () => reject(error), { once: true });
  return await Promise.race([handler(payload, AbortSignal.any([gone, late.signal])), promise]);
}

/** Closes a connection, unless that was done already. */
export function closeConnection(conn: TtrpcConn): void {
  try {
    conn.close();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}
