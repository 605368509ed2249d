// SPDX-License-Identifier: MIT
// The numbers of devices that mean something to berth.

/** The device number of `/dev/null`, 1:3 (the kernel's admin-guide/devices.txt). */
export const NULL_DEVICE = 0x103;

/** The device number of a whiteout, by which a layer removes a file, 0:0 (overlayfs.rst). */
export const WHITEOUT = 0;

/** Returns whether a file is the null device. */
export function isNullDevice({ isCharDevice, rdev }: Deno.FileInfo): boolean {
  return isCharDevice === true && rdev === NULL_DEVICE;
}
