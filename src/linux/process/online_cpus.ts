// SPDX-License-Identifier: MIT
import { ifThere } from "../fs/if_there.ts";

/**
 * Returns how many CPUs the machine has online, sysfs-devices-system-cpu. Unlike
 * `navigator.hardwareConcurrency` it heeds no quota and no affinity of this process. Undefined where
 * `/sys` does not tell.
 */
export function onlineCpus(): number | undefined {
  return ifThere(() => countOf(Deno.readTextFileSync("/sys/devices/system/cpu/online")));
}

/** Returns how many CPUs a list such as `0-3,8` names. */
export function countOf(list: string): number {
  return list.trim().split(",").reduce((total, range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return total + last - first + 1;
  }, 0);
}
