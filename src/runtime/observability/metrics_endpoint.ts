// SPDX-License-Identifier: MIT
import { sleep } from "../../linux/event_loop/timer.ts";
import { BerthError, FailedPreconditionError } from "../../rpc/errors.ts";
import { bindSocket, refuseIfTaken, removeSocket } from "../../rpc/transport/socket_file.ts";
import { messageOf } from "../../error_text.ts";
import { logFailure } from "../util/log_failure.ts";
import { type RequestHead, serveHttpConnection, type TextResponse } from "./http_connection.ts";

/** How many connections are served at once; others are closed. Each holds an fd of the daemon's. */
const MAX_CONNECTIONS = 16;

/** How long to wait before accepting again after a failure for lack of fds, in milliseconds. */
const ACCEPT_RETRY = 100;

/** Where an endpoint listens. */
interface Listening {
  readonly listener: Deno.Listener;
  /** For a person to see: `unix:/path` or a URL. */
  readonly where: string;
  /** Returns whether requests may name this host: not a name that a browser was made to resolve to it. */
  readonly isHost: (host: string) => boolean;
  /** Removes the socket file. */
  readonly unlink?: () => void;
}

/** The text that answers a scrape. */
export interface MetricsText {
  readonly contentType: string;
  /** Makes the text. */
  render(): Promise<string>;
  /** Returns whether another connection may be accepted; always where it is left out. */
  hasRoom?(): boolean;
}

/**
 * Serves `GET /metrics` over HTTP, on a loopback address or a Unix socket. Whatever clients do, it
 * takes a few fds and little time of the daemon.
 */
export class MetricsEndpoint implements AsyncDisposable {
  readonly #listening: Listening;
  readonly #text: MetricsText;
  readonly #stop = new AbortController();
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  private constructor(listening: Listening, text: MetricsText) {
    this.#listening = listening;
    this.#text = text;
    this.#accepting = this.#accept();
  }

  /** `unix:/path` or a URL. */
  get where(): string {
    return this.#listening.where;
  }

  /**
   * Listens on `unix:/path`, mode 0600, or `host:port`; port 0 takes a free one.
   *
   * @throws {FailedPreconditionError} if the address is taken or cannot be used.
   */
  static async listen(address: string, text: MetricsText): Promise<MetricsEndpoint> {
    try {
      return new MetricsEndpoint(
        address.startsWith("unix:")
          ? await listenUnix(address.slice("unix:".length))
          : listenTcp(address),
        text,
      );
    } catch (error) {
      const why = messageOf(error);
      throw new FailedPreconditionError(`cannot serve metrics on ${address}: ${why}`, {
        cause: error,
        ...(error instanceof BerthError ? { data: error.data } : {}),
      });
    }
  }

  async #accept(): Promise<void> {
    const { listener } = this.#listening;
    while (!this.#stop.signal.aborted) {
      try {
        this.#serve(await listener.accept());
      } catch {
        // Out of fds, or the client has gone already.
        if (!this.#stop.signal.aborted) await sleep(ACCEPT_RETRY);
      }
    }
  }

  #serve(connection: Deno.Conn): void {
    const hasRoom = this.#text.hasRoom?.() ?? true;
    if (!hasRoom || this.#serving.size >= MAX_CONNECTIONS) return connection.close();
    const served = serveHttpConnection(connection, (head) => this.#answer(head), this.#stop.signal)
      .catch(() => {
        // The client has gone, or took too long.
      })
      .finally(() => this.#serving.delete(served));
    this.#serving.add(served);
  }

  async #answer({ method, path, host }: RequestHead): Promise<TextResponse> {
    if (host !== undefined && !this.#listening.isHost(host)) {
      return { status: 403, body: "not a host of this endpoint's\n" };
    }
    if (path !== "/metrics") return { status: 404, body: "metrics are at /metrics\n" };
    if (method !== "GET") return { status: 405, body: "only GET\n", headers: { allow: "GET" } };
    try {
      const body = await this.#text.render();
      return { status: 200, body, headers: { "content-type": this.#text.contentType } };
    } catch (error) {
      logFailure("error", "metrics", "a scrape has failed: {reason}", error);
      return { status: 500, body: "the metrics cannot be read; see the daemon's log\n" };
    }
  }

  /** Stops listening; a scrape under way is answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening.unlink?.();
    this.#stop.abort();
    this.#listening.listener.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }
}

async function listenUnix(path: string): Promise<Listening> {
  await refuseIfTaken(path);
  const { listener, inode } = bindSocket(path);
  return {
    listener,
    where: `unix:${path}`,
    // No browser connects to a Unix socket.
    isHost: () => true,
    unlink: () => removeSocket(path, inode),
  };
}

function listenTcp(address: string): Listening {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon);
  const listener = Deno.listen({
    hostname: host.replace(/^\[|\]$/g, ""),
    port: Number(address.slice(colon + 1)),
  });
  return {
    listener,
    where: `http://${host}:${listener.addr.port}/metrics`,
    // An address cannot be made to mean another machine, and browsers resolve localhost themselves.
    isHost: (name) =>
      name === host.toLowerCase() || name === "localhost" || name.startsWith("[") ||
      /^\d+(\.\d+){3}$/.test(name),
  };
}
