// SPDX-License-Identifier: MIT
import type { Encodable } from "../protobuf/fields.ts";
import type { Timestamp } from "./types.ts";

/** Returns a time, RFC 3339, as protobuf has it; of none, none. */
export function timestampOf(time: string | undefined): Encodable<typeof Timestamp> | undefined {
  const ms = Date.parse(time ?? "");
  if (Number.isNaN(ms)) return undefined;
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 };
}
