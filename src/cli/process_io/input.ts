// SPDX-License-Identifier: MIT
import { CliError } from "../common/exit_status.ts";
import { errorLine } from "../text/format.ts";
import type { DetachKeys } from "./detach_keys.ts";
import { type Sink, writeAll } from "./output.ts";

/** How the copying of input ended. */
export type InputEnd =
  /** The caller's input is over; the process should see that. */
  | "eof"
  /** The keys to detach were typed. */
  | "detached"
  /** The process does not read any more. */
  | "process-stopped-reading";

/** Where input comes from: standard input of this process. */
export interface InputSource {
  read(buffer: Uint8Array): Promise<number | null>;
}

/** Copies the caller's input to the process until one side ends it, or the keys to detach come. */
export async function copyInput(
  from: InputSource,
  to: Sink,
  keys: DetachKeys | undefined,
): Promise<InputEnd> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    while (true) {
      const length = await readInput(from, buffer);
      if (length === null) {
        if (keys) await writeAll(to, keys.rest());
        return "eof";
      }
      const bytes = buffer.subarray(0, length);
      const typed = keys?.feed(bytes);
      await writeAll(to, typed?.forward ?? bytes);
      if (typed?.detached) return "detached";
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return "process-stopped-reading";
    throw error;
  }
}

async function readInput(from: InputSource, buffer: Uint8Array): Promise<number | null> {
  try {
    return await from.read(buffer);
  } catch (error) {
    throw new CliError(`cannot read standard input: ${errorLine(error)}`, { cause: error });
  }
}
