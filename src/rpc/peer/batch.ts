// SPDX-License-Identifier: MIT
import type { JSONRPCResponse } from "json-rpc-2.0";
import { responseText } from "../protocol/response_text.ts";
import { MAX_LINE } from "../protocol/line_reader.ts";
import { textBytes } from "../protocol/text_bytes.ts";

/** Requests that one batch may hold. */
export const MAX_BATCH = 16_384;

/**
 * Gathers the responses to one batch into the one array that answers it (JSON-RPC 2.0 section 6),
 * in the order in which they come. Nothing is sent for a batch of notifications alone.
 */
export class Batch {
  readonly #send: (text: string) => void;
  readonly #onHeld: (delta: number) => void;
  #texts: string[] = [];
  /** Length of the line. */
  #size = 2;
  #held = 0;
  #open = 1;

  /**
   * `send` gets the text of the array, at most once. `onHeld` is given how many bytes more, or fewer,
   * wait for that.
   */
  constructor(send: (text: string) => void, onHeld: (delta: number) => void) {
    this.#send = send;
    this.#onHeld = onHeld;
  }

  /** Adds the response to one message of the batch; undefined or null where there is none. */
  add(reply: JSONRPCResponse | PromiseLike<JSONRPCResponse | null> | undefined): void {
    if (reply === undefined) return;
    if (!("then" in reply)) return this.#keep(reply);
    this.#open++;
    reply.then((response) => {
      if (response !== null) this.#keep(response);
      this.seal();
    });
  }

  /** Must be called once, after the last message has been added. */
  seal(): void {
    if (--this.#open > 0 || this.#texts.length === 0) return;
    const text = `[${this.#texts.join(",")}]`;
    this.#texts = [];
    this.#onHeld(-this.#held);
    this.#send(text);
  }

  /** Kept as text: the objects may go, and the line's length is known as it grows. */
  #keep(response: JSONRPCResponse): void {
    const text = responseText(response, MAX_LINE - this.#size);
    this.#texts.push(text);
    this.#size += text.length + 1;
    const bytes = textBytes(text) + 1;
    this.#held += bytes;
    this.#onHeld(bytes);
  }
}
