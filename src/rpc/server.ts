// SPDX-License-Identifier: MIT
import { withSocketPath } from "../linux/unix_path.ts";
import { Dispatcher } from "./dispatcher.ts";
import { FailedPreconditionError } from "./errors.ts";
import { Peer } from "./peer.ts";
import type { ErrorListener, Handlers } from "./peer.ts";

/** Options of {@linkcode Server.listen}. */
export interface ServerOptions {
  /** What clients may call. */
  readonly handlers: Handlers;
  /** Permissions of the socket file. Default: 0600. */
  readonly mode?: number;
  /** Group that owns the socket file. Default: the process's own. */
  readonly gid?: number;
  /** Called with each new connection, before anything is read from it. */
  readonly onConnect?: (peer: Peer) => void;
  /** Called when a connection is gone. */
  readonly onDisconnect?: (peer: Peer) => void;
  /** Told of errors that no caller can act on. Default: they are dropped. */
  readonly onError?: ErrorListener;
}

/** How long to wait before accepting again after that failed (out of files), milliseconds. */
const ACCEPT_RETRY_MS = 50;

/** Serves JSON-RPC on a Unix socket. */
export class Server implements AsyncDisposable {
  /** Where it listens. */
  readonly path: string;
  readonly #options: ServerOptions;
  readonly #dispatcher: Dispatcher;
  readonly #listener: Deno.UnixListener;
  readonly #inode: number | null;
  readonly #peers = new Set<Peer>();
  readonly #accepting: Promise<void>;
  #listening = true;

  /**
   * Listens on `path`, of any length. A socket file that nobody answers on is replaced. Throws
   * {@linkcode FailedPreconditionError} where somebody does, or where something else than a socket
   * is at `path`; `Deno.errors.*` where the system refuses.
   */
  static async listen(path: string, options: ServerOptions): Promise<Server> {
    await refuseIfTaken(path);
    return new Server(path, options);
  }

  private constructor(path: string, options: ServerOptions) {
    this.path = path;
    this.#options = options;
    this.#dispatcher = new Dispatcher(options.handlers, options.onError);
    this.#listener = bind(path, options);
    this.#inode = Deno.lstatSync(path).ino;
    this.#accepting = this.#accept();
  }

  /** The connections of the moment. */
  get peers(): ReadonlySet<Peer> {
    return this.#peers;
  }

  /** Accepts no more connections and removes the socket file; those that are there go on. */
  stopListening(): void {
    if (!this.#listening) return;
    this.#listening = false;
    this.#unlink();
    this.#listener.close();
  }

  /** Stops listening and closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening();
    for (const peer of this.#peers) peer.close();
    await this.#accepting;
  }

  /** Removes the file only if it still is this listener's, not a successor's. */
  #unlink(): void {
    try {
      if (Deno.lstatSync(this.path).ino === this.#inode) Deno.removeSync(this.path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#options.onError?.("unlink", error);
    }
  }

  async #accept(): Promise<void> {
    while (this.#listening) {
      try {
        this.#connected(await this.#listener.accept());
      } catch (error) {
        if (!this.#listening) return;
        this.#options.onError?.(`accepting on ${this.path}`, error);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
      }
    }
  }

  #connected(conn: Deno.UnixConn): void {
    const { onConnect, onDisconnect, onError } = this.#options;
    const peer: Peer = new Peer(conn, {
      handlers: this.#dispatcher,
      ...(onError && { onError }),
      onClose: () => {
        this.#peers.delete(peer);
        onDisconnect?.(peer);
      },
    });
    this.#peers.add(peer);
    onConnect?.(peer);
  }
}

/** Throws unless `path` is free or holds a socket file that nobody listens on. */
async function refuseIfTaken(path: string): Promise<void> {
  let isSocket: boolean | null;
  try {
    isSocket = Deno.lstatSync(path).isSocket;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (!isSocket) {
    throw new FailedPreconditionError(`cannot listen on ${path}: it is there and is no socket`);
  }
  try {
    const conn = await withSocketPath(
      path,
      (short) => Deno.connect({ transport: "unix", path: short }),
    );
    conn.close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return;
    if (error instanceof Deno.errors.NotFound) return;
    // EAGAIN: a listener that is too busy to accept is still a listener.
    if (!(error instanceof Deno.errors.WouldBlock)) throw error;
  }
  throw new FailedPreconditionError(`cannot listen on ${path}: another process answers there`);
}

/**
 * Binds in a directory that nobody else can enter, and moves the socket to its place once mode and
 * owner are right: rename(2) keeps the socket, and takes a stale one's place. This also keeps
 * Deno, which unlinks the path it was given when a listener closes, from removing a successor's file.
 */
function bind(path: string, options: ServerOptions): Deno.UnixListener {
  const slash = path.lastIndexOf("/");
  const dir = Deno.makeTempDirSync({
    dir: slash < 0 ? "." : path.slice(0, slash + 1),
    prefix: ".bind-",
  });
  const temporary = `${dir}/s`;
  let listener: Deno.UnixListener | undefined;
  try {
    listener = withSocketPath(
      temporary,
      (short) => Deno.listen({ transport: "unix", path: short }),
    );
    if (options.gid !== undefined) Deno.chownSync(temporary, null, options.gid);
    Deno.chmodSync(temporary, options.mode ?? 0o600);
    Deno.renameSync(temporary, path);
    return listener;
  } catch (error) {
    listener?.close();
    throw error;
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}
