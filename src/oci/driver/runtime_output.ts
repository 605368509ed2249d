// SPDX-License-Identifier: MIT
// Parses what OCI runtimes print.
import { isRecord } from "../../rpc/is_record.ts";

/** Output of `state` of an OCI runtime (runtime-spec, runtime.md, "State"). */
export interface OciState {
  readonly id: string;
  /** `creating`, `created`, `running` or `stopped`, and `paused` (and `pausing`) beyond the spec. */
  readonly status: string;
  /** Init's pid; 0 once it has stopped. */
  readonly pid: number;
  readonly bundle: string;
}

/**
 * Parses the output of `state`.
 *
 * @throws {SyntaxError} if it is not one.
 */
export function parseState(text: string): OciState {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value) || typeof value.status !== "string") {
    throw new SyntaxError("the answer of state has no status");
  }
  return {
    id: typeof value.id === "string" ? value.id : "",
    status: value.status,
    // Absent is allowed once stopped.
    pid: typeof value.pid === "number" ? value.pid : 0,
    bundle: typeof value.bundle === "string" ? value.bundle : "",
  };
}

/** The name and version that an OCI runtime reports. */
export interface RuntimeVersion {
  /** Such as `runc`; empty where it does not say. */
  readonly name: string;
  /** Such as `1.1.5`. */
  readonly version: string;
}

/** Parses the output of `--version`, whose first line is `runc version 1.1.5`. */
export function parseVersion(text: string): RuntimeVersion {
  const [line = ""] = text.split("\n", 1);
  const match = /^(\S+)\s+version:?\s+(\S+)/.exec(line);
  return { name: match?.[1] ?? "", version: match?.[2] ?? line.trim() };
}
