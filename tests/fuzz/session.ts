// SPDX-License-Identifier: MIT
import type { ErrorMembers } from "../../src/rpc/contract/schemas/error_data.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import { RawClient } from "../harness/io/raw_client.ts";
import type { Random } from "../soak/random.ts";
import type { FuzzLine } from "./messages.ts";

/** The lines that a session sends, the answers that it accepts, and a listener for others. */
export interface SessionOptions {
  readonly socket: string;
  readonly random: Random;
  readonly lines: readonly FuzzLine[];
  /** A method that is always answered. */
  readonly ping: string;
  /** The members that `data` of an error may have. */
  readonly errorData: ErrorMembers;
  readonly complain: (what: string) => void;
}

const PING = "the last request of this connection";

/**
 * Sends lines over one connection, cut in pieces at random, and reads until the last request is
 * answered. Some connections are closed before that, in the middle of a line too.
 */
export async function fuzzSession(options: SessionOptions): Promise<void> {
  const { socket, random, lines, ping, errorData, complain } = options;
  using client = await RawClient.connect(socket);
  const last = JSON.stringify({ jsonrpc: "2.0", id: PING, method: ping, params: {} });
  const parts = lines.flatMap(({ bytes }) => [bytes, new Uint8Array([0x0a])]);
  const all = new Uint8Array(await new Blob([...parts, `${last}\n`].map(own)).arrayBuffer());
  if (random.next() < 0.05) {
    const some = client.write(all.subarray(0, random.below(all.length)));
    // Whether it is taken does not matter to a client that leaves.
    await Promise.race([some.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 20))]);
    return;
  }
  const writing = (async () => {
    for (let at = 0; at < all.length;) {
      const end = at + 1 + random.below(random.next() < 0.1 ? 50 : 2 ** 18);
      await client.write(all.subarray(at, end));
      at = end;
    }
  })();
  writing.catch((error) => complain(`writing failed: ${error}`));
  while (true) {
    const answer = await client.next();
    if (answer === undefined) return complain(`the connection ended after:\n${sample(lines)}`);
    for (const one of Array.isArray(answer) ? answer : [answer]) {
      const fault = faultOf(one, errorData);
      if (fault !== undefined) complain(`${fault}\n${requestOf(one, lines)}`);
    }
    if (isRecord(answer) && answer.id === PING) break;
  }
  await writing;
}

function own(part: Uint8Array | string): BlobPart {
  return typeof part === "string" ? part : new Uint8Array(part);
}

/** Returns what is wrong with an answer; undefined for one that may be. */
function faultOf(answer: unknown, errorData: ErrorMembers): string | undefined {
  const error = isRecord(answer) ? answer.error : undefined;
  if (!isRecord(error)) return undefined;
  const text = JSON.stringify(error);
  if (isRecord(error.data) && error.data.kind === "Internal") return `Internal: ${text}`;
  if (/\\n\s+at /.test(text)) return `a stack trace: ${text}`;
  const members = isRecord(error.data) ? Object.keys(error.data) : [];
  return members.every((name) => Object.hasOwn(errorData, name))
    ? undefined
    : `data that no contract has: ${text}`;
}

function requestOf(answer: unknown, lines: readonly FuzzLine[]): string {
  const id = isRecord(answer) ? answer.id : undefined;
  const asked = lines.find(({ text }) => text.includes(`"id":${JSON.stringify(id)},`));
  return `  asked: ${shorten(asked?.text ?? "unknown")}`;
}

function sample(lines: readonly FuzzLine[]): string {
  return lines.map(({ text }) => `  ${shorten(text)}`).join("\n");
}

function shorten(text: string): string {
  return text.length > 1000 ? `${text.slice(0, 1000)}… (${text.length})` : text;
}
