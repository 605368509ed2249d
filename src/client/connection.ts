// SPDX-License-Identifier: MIT
// Opens Unix sockets in Deno and in Node.
import type { Socket } from "node:net";
import type { Connection } from "../rpc/peer/peer.ts";

/** Whether this runs in Deno; else it is Node, or something that does as Node does. */
export const IN_DENO: boolean = "Deno" in globalThis;

/** sun_path of unix(7) is 108 bytes, the last one a NUL. */
const MAX_SOCKET_PATH = 107;

/**
 * Connects to the Unix socket at `path`, of any length. Rejects with the system's error, whose
 * `code` is an errno name such as "ENOENT".
 */
export async function openSocket(path: string): Promise<Connection> {
  const open = IN_DENO ? openInDeno : openInNode;
  if (new TextEncoder().encode(path).length <= MAX_SOCKET_PATH) return await open(path);
  const { closeSync, constants, openSync } = await import("node:fs");
  const slash = path.lastIndexOf("/");
  const parent = slash < 0 ? "." : path.slice(0, slash + 1);
  const directory = openSync(parent, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await open(`/proc/self/fd/${directory}/${path.slice(slash + 1)}`);
  } finally {
    closeSync(directory);
  }
}

function openInDeno(path: string): Promise<Connection> {
  return Deno.connect({ transport: "unix", path });
}

async function openInNode(path: string): Promise<Connection> {
  const { connect } = await import("node:net");
  return await new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.removeListener("error", reject);
      resolve(new NodeConnection(socket));
    });
  });
}

/** A stream of Node as a {@linkcode Connection}. */
export class NodeConnection implements Connection {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  /** Takes `socket` over. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
    // Reads and writes report errors themselves; without a listener Node would end the process.
    socket.on("error", () => {});
  }

  /** See {@linkcode Connection}. */
  async read(bytes: Uint8Array): Promise<number | null> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return null;
      this.#rest = next.value;
    }
    const count = Math.min(bytes.length, this.#rest.length);
    bytes.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return count;
  }

  /** See {@linkcode Connection}. Resolves when the system has taken all of the bytes. */
  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  /** See {@linkcode Connection}. */
  close(): void {
    this.#socket.destroy();
  }
}
