// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import type { OciRlimit } from "../../oci/spec/default_spec.ts";

/** The limits of getrlimit(2) by docker's names, which are those of limits.conf(5). */
const NAMES = [
  "as",
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
];

/**
 * Parses docker's `nofile=1024:2048`; without a hard limit it is the soft one, `-1` or `unlimited` is
 * none. Throws commander's `InvalidArgumentError`.
 */
export function parseUlimit(text: string): OciRlimit {
  const [, name = "", softText = "", hardText] = /^([a-z]+)=([^:]+)(?::([^:]+))?$/.exec(text) ?? [];
  if (!NAMES.includes(name)) {
    throw new InvalidArgumentError(`expected NAME=SOFT[:HARD], NAME one of ${NAMES.join(", ")}`);
  }
  const soft = limitOf(softText);
  const hard = hardText === undefined ? soft : limitOf(hardText);
  if (soft > hard) throw new InvalidArgumentError("the soft limit must not be above the hard one");
  return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
}

/**
 * No limit. RLIM_INFINITY is 2^64-1, which a number cannot hold; 2^63 it can, and nothing that the
 * kernel counts reaches that.
 */
const UNLIMITED = 2 ** 63;

function limitOf(text: string): number {
  if (text === "-1" || text === "unlimited") return UNLIMITED;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > Number.MAX_SAFE_INTEGER) {
    throw new InvalidArgumentError("a limit is a whole number below 2^53, or -1 for none");
  }
  return value;
}
