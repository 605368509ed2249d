// SPDX-License-Identifier: MIT
// The log of a container on the wire.
import * as z from "zod";
import { absolutePath } from "./text.ts";

/** How the output of a container is logged. */
export const logDriver = z.enum(["cri", "raw", "none"]).describe(
  "Log format. cri: records with time and stream, rotated; raw: the output unchanged; " +
    "none: the output is discarded",
);

/** Where the output of a container is logged, as create takes it. */
export const logParams = z.strictObject({
  driver: logDriver.optional(),
  path: absolutePath.optional().describe(
    "Current file, which is appended to and kept when the container is deleted; " +
      "defaults to a file below <root>/logs/<id>, which is deleted with the container",
  ),
  maxSize: z.int().min(64 * 1024).max(2 ** 40).optional().describe(
    "Size in bytes at which a file of CRI records is rotated",
  ),
  maxFile: z.int().min(1).max(1000).optional().describe(
    "Number of files of CRI records that are kept, including the current one",
  ),
}).describe(
  "Where to log the output. If stdout or stderr also names a FIFO, the output goes there " +
    "too while the FIFO is read. Members that are not given are taken from [logs] of the config",
);

/** Where the output of a container is logged. */
export const logState = z.object({
  driver: logDriver,
  path: z.string().describe("Current file; empty with the driver none"),
  maxSize: z.int().describe("Size in bytes at which a file of CRI records is rotated"),
  maxFile: z.int().describe("Number of files of CRI records that are kept"),
}).describe("Where the output of a container is logged");

/** Where the output of a container is logged, as create takes it. */
export type LogParams = z.output<typeof logParams>;

/** Where the output of a container is logged. */
export type LogState = z.output<typeof logState>;
