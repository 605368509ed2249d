// SPDX-License-Identifier: MIT

/** A socket in front of a daemon's, which holds the calls of one method back until it is told not to. */
export class HoldingProxy implements Disposable {
  readonly #listener: Deno.UnixListener;
  readonly #held = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  readonly #connections: Deno.UnixConn[] = [];

  private constructor(path: string, socket: string, method: string) {
    this.#listener = Deno.listen({ transport: "unix", path });
    void this.#serve(socket, `"${method}"`);
  }

  /** Listens at `path` for clients of the daemon at `socket`. */
  static listen(path: string, socket: string, method: string): HoldingProxy {
    return new HoldingProxy(path, socket, method);
  }

  /** Resolved when the first call of the method is held back. */
  get held(): Promise<void> {
    return this.#held.promise;
  }

  /** Lets what is held back go on, and what comes later. */
  release(): void {
    this.#released.resolve();
  }

  async #serve(socket: string, method: string): Promise<void> {
    for await (const client of this.#listener) {
      const daemon = await Deno.connect({ transport: "unix", path: socket });
      this.#connections.push(client, daemon);
      const hold = new TransformStream<Uint8Array, Uint8Array>({
        transform: async (chunk, controller) => {
          if (new TextDecoder().decode(chunk).includes(method)) {
            this.#held.resolve();
            await this.#released.promise;
          }
          controller.enqueue(chunk);
        },
      });
      const ended = () => {
        // Either end has gone.
      };
      client.readable.pipeThrough(hold).pipeTo(daemon.writable).catch(ended);
      daemon.readable.pipeTo(client.writable).catch(ended);
    }
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch (error) {
        // Its stream has closed it.
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
    }
  }
}
