// SPDX-License-Identifier: MIT

/** Directories at the root of each container that are the kernel's, mounted over what is there. */
export const KERNEL_DIRS: readonly string[] = ["proc", "sys", "dev"];
