// SPDX-License-Identifier: MIT
import { withSocketPath } from "../../../src/linux/fd/unix_path.ts";
import { within } from "../poll.ts";

/**
 * A connection of which a test writes every byte: what a client in another language, a broken one or
 * a hostile one would do.
 */
export class RawClient implements Disposable {
  readonly #conn: Deno.UnixConn;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #buffer = new Uint8Array(65_536);
  readonly #lines: string[] = [];
  #rest = "";
  #closed = false;

  private constructor(conn: Deno.UnixConn) {
    this.#conn = conn;
  }

  /** Connects to the socket at `path`. */
  static async connect(path: string): Promise<RawClient> {
    return new RawClient(
      await withSocketPath(path, (short) => Deno.connect({ transport: "unix", path: short })),
    );
  }

  /** Writes all of it. */
  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Writes one message. */
  async send(message: unknown): Promise<void> {
    await this.write(`${JSON.stringify(message)}\n`);
  }

  /** The next message from the other side; undefined at the end. */
  async next(): Promise<unknown> {
    while (this.#lines.length === 0) {
      const count = await within("a line on the socket", this.#conn.read(this.#buffer), 60_000);
      if (count === null) return undefined;
      const text = this.#rest +
        this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
      const parts = text.split("\n");
      this.#rest = parts.pop() ?? "";
      this.#lines.push(...parts);
    }
    return JSON.parse(this.#lines.shift() ?? "");
  }

  /** Writes one message and returns the next that comes. */
  async ask(message: unknown): Promise<unknown> {
    await this.send(message);
    return await this.next();
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.#conn.close();
    this.#closed = true;
  }
}
