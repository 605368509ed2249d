// SPDX-License-Identifier: MIT
// The maxima of params.

// Maxima of params. A legitimate caller does not reach them; they bound what a call can cost.

/** Maximum length of a path, a device or a filesystem name. The kernel rejects all above 4096. */
export const MAX_TEXT = 65_536;
/** Maximum length of an argument or a variable: MAX_ARG_STRLEN of execve(2) on 4 KiB pages. */
export const MAX_ARG_LENGTH = 131_072;
/** Maximum number of arguments or variables; execve(2) takes fewer, as 2 MiB is their total. */
export const MAX_ARGS = 262_144;
/** Maximum number of mounts that make up a rootfs. */
export const MAX_MOUNTS = 1024;
/** Maximum number of options of a mount. */
export const MAX_MOUNT_OPTIONS = 1024;
/** Maximum length of the name of a signal; the longest is SIGRTMIN+15. */
export const MAX_SIGNAL_NAME = 16;
/** Maximum number of labels of a container. */
export const MAX_LABELS = 4096;
/** Maximum size of all labels of a container, names and values together, in bytes of UTF-8. */
export const MAX_LABEL_BYTES = 65_536;
/** Maximum length of a name that berth or the user has made up: an instance, a shim group. */
export const MAX_NAME = 255;
/** Maximum number of ids or types that a filter names. */
export const MAX_FILTER = 10_000;
/** Maximum number of elements on a page of a list. */
export const MAX_PAGE = 10_000;
/** Maximum number of mapped ports of a container: each is some rules of the host's firewall. */
export const MAX_PORTS = 1024;
/** Maximum number of networks of a container besides the first. */
export const MAX_ADDITIONAL_NETWORKS = 15;
/** Maximum number of addresses that are asked for in one network. */
export const MAX_ADDRESSES = 16;
/** Maximum number of further names of a container, and of entries of a DNS setting. */
export const MAX_ALIASES = 64;
/** Maximum number of exec processes that a container keeps until they are deleted. */
export const MAX_EXECS = 16_384;
/**
 * A page of a list ends when its text is longer than this, in UTF-16 units. In UTF-8 that is 12 MiB
 * at most, so that a page fits into a message of 16 MiB: no element of a list comes near 4 MiB.
 */
export const MAX_PAGE_TEXT = 4 * 1024 * 1024;
/** Maximum number of directories that are removed with a container. */
export const MAX_OWN_DIRS = 64;
