// SPDX-License-Identifier: MIT

/**
 * Returns the UUID that the kernel has chosen for this boot of the machine (random(4)).
 *
 * @throws what the file system throws
 */
export function bootId(): string {
  return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
}
