// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import type { RestartPolicy } from "../../rpc/contract/schemas.ts";

/** The flag of a restart policy with its value, for help. */
export const RESTART_FLAG = "--restart <policy>";

/** Parses docker's `--restart`: a policy, and with on-failure a number. Throws commander's error. */
export function parseRestart(text: string): RestartPolicy {
  const [, name, count] = /^([a-z-]*)(?::(\d{1,9}))?$/.exec(text) ?? [];
  switch (name) {
    case "no":
    case "always":
    case "unless-stopped":
      if (count === undefined) return { policy: name };
      break;
    case "on-failure":
      return { policy: name, ...(count !== undefined && { maxRetries: Number(count) }) };
  }
  throw new InvalidArgumentError(
    "expected no, on-failure, on-failure:TIMES, always or unless-stopped",
  );
}
