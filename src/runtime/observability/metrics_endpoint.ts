// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { BerthError, FailedPreconditionError } from "../../rpc/errors.ts";
import { bindSocket, refuseIfTaken, removeSocket } from "../../rpc/transport/socket_file.ts";
import { messageOf } from "../../rpc/error_text.ts";

/** Where an endpoint listens. */
interface Listening {
  readonly server: Deno.HttpServer;
  /** For a person to see: `unix:/path` or a URL. */
  readonly where: string;
  /** Removes the socket file. */
  readonly unlink?: () => void;
}

/** What the answer to a scrape is made of. */
export interface MetricsText {
  readonly contentType: string;
  /** Makes the text. */
  render(): Promise<string>;
}

/** Serves `GET /metrics` over HTTP, on a loopback address or a Unix socket. */
export class MetricsEndpoint implements AsyncDisposable {
  readonly #listening: Listening;

  private constructor(listening: Listening) {
    this.#listening = listening;
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
    const handler = (request: Request) => answer(request, text);
    try {
      return new MetricsEndpoint(
        address.startsWith("unix:")
          ? await listenUnix(address.slice("unix:".length), handler)
          : listenTcp(address, handler),
      );
    } catch (error) {
      const why = messageOf(error);
      throw new FailedPreconditionError(`cannot serve metrics on ${address}: ${why}`, {
        cause: error,
        ...(error instanceof BerthError ? { data: error.data } : {}),
      });
    }
  }

  /** Stops listening; a scrape under way is answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening.unlink?.();
    await this.#listening.server.shutdown();
  }
}

type Handler = (request: Request) => Promise<Response> | Response;

async function listenUnix(path: string, handler: Handler): Promise<Listening> {
  await refuseIfTaken(path);
  const { served, inode } = bindSocket(
    path,
    { mode: 0o600 },
    (short) => Deno.serve({ path: short, onListen() {}, onError: failed }, handler),
  );
  return { server: served, where: `unix:${path}`, unlink: () => removeSocket(path, inode) };
}

function listenTcp(address: string, handler: Handler): Listening {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon);
  const server = Deno.serve({
    hostname: host.replace(/^\[|\]$/g, ""),
    port: Number(address.slice(colon + 1)),
    onListen() {},
    onError: failed,
  }, handler);
  return { server, where: `http://${host}:${server.addr.port}/metrics` };
}

async function answer(request: Request, text: MetricsText): Promise<Response> {
  if (new URL(request.url).pathname !== "/metrics") {
    return new Response("metrics are at /metrics\n", { status: 404 });
  }
  if (request.method !== "GET") {
    return new Response("only GET\n", { status: 405, headers: { allow: "GET" } });
  }
  return new Response(await text.render(), { headers: { "content-type": text.contentType } });
}

function failed(error: unknown): Response {
  getLogger(["berth", "metrics"]).error("a scrape has failed: {reason}", {
    reason: messageOf(error),
    error,
  });
  return new Response("the metrics cannot be read; see the daemon's log\n", { status: 500 });
}
