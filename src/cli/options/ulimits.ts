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

/** No limit: RLIM_INFINITY of include/uapi/asm-generic/resource.h. */
const UNLIMITED = 2n ** 64n - 1n;

function limitOf(text: string): number | bigint {
  if (text === "-1" || text === "unlimited") return UNLIMITED;
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > UNLIMITED) {
    throw new InvalidArgumentError("a limit is a whole number below 2^64, or -1 for none");
  }
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}
