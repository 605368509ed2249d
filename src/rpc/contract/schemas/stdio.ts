// SPDX-License-Identifier: MIT
// The stdio of a process on the wire.
import * as z from "zod";
import { MAX_TEXT } from "../limits.ts";
import { textLike } from "./text.ts";

/**
 * Where a process's output goes: `""` discards it, an absolute path names a FIFO, and
 * `file:///abs/path` names a file to append to.
 */
export const stdioTarget = textLike(
  /^((file:\/\/)?\/[^\0]*)?$/,
  "must be empty, the absolute path of a FIFO, or file:///absolute/path",
  MAX_TEXT,
).describe('FIFO path, file:///path to append to, or "" to discard the output');

/** Where a process's stdin comes from: an absolute path names a FIFO, `""` gives EOF. */
export const stdinTarget = textLike(
  /^(\/[^\0]*)?$/,
  "must be empty or the absolute path of a FIFO",
  MAX_TEXT,
).describe('FIFO path, or "" for immediate EOF');

/** The stdio params of create and exec. */
export const stdioParams = {
  stdin: stdinTarget.optional(),
  stdout: stdioTarget.optional(),
  stderr: stdioTarget.optional(),
  terminal: z.boolean().optional().describe("Allocate a pseudo-terminal for the process"),
};
