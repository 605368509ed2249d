// SPDX-License-Identifier: MIT
import type { ParamSchema } from "../../src/rpc/contract/check_params.ts";
import { stringifyJson } from "../../src/rpc/json.ts";
import { Random } from "../soak/random.ts";
import { junk, mutate, valueFor } from "./values.ts";

/** A line to send, without its newline, and the text that names it in a report. */
export interface FuzzLine {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** The schemas and values that messages are made from, and how rare some are. */
export interface MessagesOptions {
  readonly random: Random;
  /** Schema of each method's params. */
  readonly schemas: Readonly<Record<string, ParamSchema>>;
  /** Values that fit, by the name of a member, such as ids of containers. */
  readonly known: (name: string) => unknown;
  /** Methods that cost much: each is sent this many times more rarely. */
  readonly rare: Readonly<Record<string, number>>;
}

/**
 * What stays as it is: a container without namespaces, or with another root, could reach the host. An
 * OCI runtime as root is no toy.
 */
const SPARED: ReadonlySet<string> = new Set([
  "linux",
  "root",
  "rootfs",
  "runtime",
  "path",
  "bundle",
]);

const encoder = new TextEncoder();

/** Makes messages from a seed: right ones, nearly right ones, and bytes that are none. */
export class Messages {
  readonly #options: MessagesOptions;
  readonly #methods: readonly (readonly [weight: number, method: string])[];
  #lastId = 0;

  constructor(options: MessagesOptions) {
    this.#options = options;
    this.#methods = Object.keys(options.schemas).map((method) =>
      [1 / (options.rare[method] ?? 1), method] as const
    );
  }

  /** The next line. */
  next(): FuzzLine {
    const { random } = this.#options;
    const kind = random.pick([
      [60, "request"],
      [12, "batch"],
      [14, "bytes"],
      [12, "envelope"],
      [0.01, "long"],
      [0.1, "many"],
      [0.05, "deep"],
    ]);
    switch (kind) {
      case "batch": {
        const size = 1 + random.below(8);
        return line(Array.from({ length: size }, () => this.#message(random.next() < 0.3)));
      }
      case "bytes":
        return this.#damaged(line(this.#message(false)).bytes);
      case "envelope":
        return line(this.#message(true));
      case "long":
        return { bytes: new Uint8Array(17 * 2 ** 20).fill(0x78), text: "17 MiB of x" };
      case "many":
        return text(`[${"{},".repeat(1 + random.below(300_000))}1]`);
      case "deep":
        return text("[".repeat(1 + random.below(300_000)));
      default:
        return line(this.#message(false));
    }
  }

  #message(odd: boolean): Record<string, unknown> {
    const { random } = this.#options;
    const method = random.pick(this.#methods);
    const message: Record<string, unknown> = {
      jsonrpc: "2.0",
      id: ++this.#lastId,
      method,
      params: this.#params(method),
    };
    if (random.next() < 0.05) delete message.id;
    if (!odd) return message;
    const member = random.pick([
      [2, "jsonrpc"],
      [3, "id"],
      [3, "method"],
      [3, "params"],
      [1, "result"],
      [1, "error"],
    ]);
    message[member] = junk(random);
    if (member === "method" && random.next() < 0.7) {
      message.method = random.pick([
        [1, "rpc.discover"],
        [3, "$/cancelRequest"],
        [1, "no.such"],
        [1, "toString"],
      ]);
      message.params = { id: random.pick([[2, random.below(this.#lastId + 1)], [1, null]]) };
    }
    return message;
  }

  #params(method: string): unknown {
    const { random, schemas, known } = this.#options;
    // A copy, as it is to be mutated.
    const params: unknown = structuredClone(valueFor(random, schemas[method] ?? {}, known));
    while (random.next() < 0.35) mutate(random, params, SPARED);
    return params;
  }

  #damaged(bytes: Uint8Array): FuzzLine {
    const { random } = this.#options;
    const at = random.below(bytes.length);
    const rest = bytes.subarray(at);
    const bad = random.pick<number[]>([
      [2, []],
      [1, [0]],
      [1, [0xff, 0xfe]],
      [1, [0xc0]],
      [1, [0x22]],
      [1, [0x0a]],
      [1, [0x0d, 0x0a]],
      [1, Array(random.below(70_000)).fill(0x20)],
    ]);
    const kept = random.next() < 0.5 ? rest.subarray(1 + random.below(8)) : new Uint8Array(0);
    const damaged = new Uint8Array([...bytes.subarray(0, at), ...bad, ...kept]);
    return { bytes: damaged, text: new TextDecoder().decode(damaged) };
  }
}

function line(message: unknown): FuzzLine {
  return text(stringifyJson(message));
}

function text(content: string): FuzzLine {
  return { bytes: encoder.encode(content), text: content };
}
