// SPDX-License-Identifier: MIT
import type { Field, MessageType } from "./fields.ts";

/** Returns the fields of a message as a text: a name, a number, and what is in it; `+` for several. */
export function outline({ fields }: MessageType): string {
  const parts = Object.entries(fields).map(([name, [number, type, repeated]]: [string, Field]) => {
    const what = typeof type === "string"
      ? (type === "uint64" ? "" : ` ${type}`)
      : ` {${outline(type)}}`;
    return `${name} ${number}${repeated ? "+" : ""}${what}`;
  });
  return parts.join(", ");
}
