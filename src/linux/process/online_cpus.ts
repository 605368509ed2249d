// SPDX-License-Identifier: MIT

/**
 * Returns how many CPUs the machine has online, sysfs-devices-system-cpu. Unlike
 * `navigator.hardwareConcurrency` it heeds no quota and no affinity of this process. Undefined where
 * `/sys` does not tell.
 */
export function onlineCpus(): number | undefined {
  try {
    return countOf(Deno.readTextFileSync("/sys/devices/system/cpu/online"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Returns how many CPUs a list such as `0-3,8` names. */
export function countOf(list: string): number {
  return list.trim().split(",").reduce((total, range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return total + last - first + 1;
  }, 0);
}
