// SPDX-License-Identifier: MIT
import { concat } from "../../concat.ts";

/** The head of an HTTP request, as far as an endpoint that only serves one text needs it. */
export interface RequestHead {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** The `Host` header, in lower case and without the port; undefined if there is none. */
  readonly host: string | undefined;
}

/** The answer to a request. */
export interface TextResponse {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How long a client may take to send its head, and to read its answer, in milliseconds. */
const HEAD_TIMEOUT = 5_000, ANSWER_TIMEOUT = 30_000;

/** How long a connection is read to its end before it is closed, in milliseconds. */
const LINGER = 1_000;

/** The longest head, in bytes. */
const MAX_HEAD = 16 * 1024;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
};

/** A connection of a client; a `Deno.Conn` is one. */
export interface HttpConnection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(data: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/**
 * Serves one request of an HTTP/1.1 connection and closes it. Everything is bounded: how long the
 * client may take, and how much it may send. Rejects only where the connection breaks.
 */
export async function serveHttpConnection(
  connection: HttpConnection,
  answer: (head: RequestHead) => Promise<TextResponse>,
  signal: AbortSignal,
): Promise<void> {
  let open = true;
  const close = () => {
    if (open) connection.close();
    open = false;
  };
  // Closing it ends the read or write that is waited for.
  let timer = setTimeout(close, HEAD_TIMEOUT);
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    const head = await readHead(connection);
    if (head === undefined) return;
    // From here on a stop waits for the answer.
    signal.removeEventListener("abort", close);
    clearTimeout(timer);
    timer = setTimeout(close, ANSWER_TIMEOUT);
    const response = typeof head === "number"
      ? { status: head, body: `${REASONS[head]}\n` }
      : await answer(head);
    await writeAll(connection, encode(response));
    clearTimeout(timer);
    timer = setTimeout(close, LINGER);
    // A connection that is closed with input unread is reset, and the answer with it (tcp(7)).
    await connection.closeWrite();
    await drain(connection);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", close);
    close();
  }
}

/** Reads the head. Returns the status of an error where it is none, undefined where the client has gone. */
async function readHead(connection: HttpConnection): Promise<RequestHead | number | undefined> {
  const buffer = new Uint8Array(MAX_HEAD);
  let length = 0;
  for (;;) {
    const count = await connection.read(buffer.subarray(length));
    if (count === null) return undefined;
    length += count;
    const text = new TextDecoder("latin1").decode(buffer.subarray(0, length));
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) return parseHead(text.slice(0, end));
    if (length === MAX_HEAD) return 431;
  }
}

function parseHead(text: string): RequestHead | number {
  const [first = "", ...lines] = text.split("\r\n");
  const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(first) ?? [];
  if (method === undefined || target === undefined) return 400;
  const path = target.replace(/^http:\/\/[^/?#]*/, "").replace(/[?#].*$/, "");
  const hosts = lines.flatMap((line) => /^host:[ \t]*(.*?)[ \t]*$/i.exec(line)?.[1] ?? []);
  if (hosts.length > 1) return 400;
  const [host] = hosts;
  if (host === undefined) return { method, path, host };
  // RFC 9110, 7.2: a name or an address, and a port.
  const [, name] = /^(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::\d*)?$/.exec(host) ?? [];
  return name === undefined ? 400 : { method, path, host: name.toLowerCase() };
}

function encode({ status, body, headers = {} }: TextResponse): Uint8Array {
  const bytes = new TextEncoder().encode(body);
  const head = Object.entries({
    "content-type": "text/plain; charset=utf-8",
    ...headers,
    "content-length": `${bytes.length}`,
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const start = new TextEncoder().encode(
    `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n${head.join("")}\r\n`,
  );
  return concat([start, bytes]);
}

async function writeAll(connection: HttpConnection, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
}

async function drain(connection: HttpConnection): Promise<void> {
  const buffer = new Uint8Array(4096);
  for (let left = MAX_HEAD * 4; left > 0;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    left -= count;
  }
}
