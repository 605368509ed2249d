// SPDX-License-Identifier: MIT
// Encodes output in the CRI log format.

/** The streams of a process that a log keeps apart. */
export type LogStream = "stdout" | "stderr";

/**
 * The longest content of one record, in bytes, as in containerd: a longer line is cut into partial
 * records.
 */
export const MAX_CONTENT = 16 * 1024;

/** The most bytes that a record takes beside its content: time, stream, tag, newline. */
const MAX_OVERHEAD = 64;

const NEWLINE = 10, TAG_PARTIAL = 80 /* P */;

/** Lines up to this length are copied byte by byte, which is faster than two calls of the engine. */
const SHORT_LINE = 400;

/** How far {@linkcode CriEncoder.encode} has come. */
export interface Encoded {
  /** Where in the input to go on. */
  readonly next: number;
  /** How many bytes were put into the output. */
  readonly length: number;
}

/**
 * Encodes output in the CRI log format (kubernetes,
 * design-proposals-archive/node/kubelet-cri-logging.md): `<RFC 3339 time> <stdout|stderr> <P|F>
 * <content>`, one record a line. P marks a partial line: the next record of the stream continues
 * it, and the newline after it is not part of the output. So the output of a stream is the content
 * of its records, each F followed by a newline.
 */
export class CriEncoder {
  #prefixes: Readonly<Record<LogStream, Uint8Array>> | undefined;
  /** When the prefixes were made, in milliseconds since 1970. */
  #time = 0;
  /** Length of the line before, by which the way to copy the next one is chosen. */
  #lineLength = 0;

  /**
   * Encodes `input` from `from` on into `output` as far as whole records fit. What does not end in a
   * newline becomes a partial record, so that nothing of it waits in memory.
   *
   * @param output has at least {@linkcode MAX_CONTENT} + {@linkcode MAX_OVERHEAD} bytes.
   */
  encode(stream: LogStream, input: Uint8Array, from: number, output: Uint8Array): Encoded {
    const prefix = this.#prefix(stream);
    const most = output.length - MAX_CONTENT - MAX_OVERHEAD;
    let next = from, length = 0;
    while (next < input.length && length <= most) {
      for (let at = 0; at < prefix.length; at++) output[length++] = prefix[at]!;
      const tag = length - 2;
      const begin = next;
      const limit = Math.min(input.length, begin + MAX_CONTENT);
      if (this.#lineLength < SHORT_LINE) {
        const near = Math.min(limit, begin + 2 * SHORT_LINE);
        while (next < near) {
          const byte = input[next++]!;
          output[length++] = byte;
          if (byte === NEWLINE) break;
        }
      }
      if (next < limit && (next === begin || input[next - 1] !== NEWLINE)) {
        const newline = input.indexOf(NEWLINE, next);
        const end = newline < 0 || newline >= limit ? limit : newline + 1;
        output.set(input.subarray(next, end), length);
        length += end - next;
        next = end;
      }
      this.#lineLength = next - begin;
      if (input[next - 1] !== NEWLINE) {
        output[tag] = TAG_PARTIAL;
        output[length++] = NEWLINE;
      }
    }
    return { next, length };
  }

  #prefix(stream: LogStream): Uint8Array {
    const now = Date.now();
    if (this.#prefixes === undefined || now !== this.#time) {
      this.#time = now;
      const time = new Date(now).toISOString();
      const encoder = new TextEncoder();
      this.#prefixes = {
        stdout: encoder.encode(`${time} stdout F `),
        stderr: encoder.encode(`${time} stderr F `),
      };
    }
    return this.#prefixes[stream];
  }
}
