// SPDX-License-Identifier: MIT

/**
 * The kinds of directories that belong to one container beside its log: each is
 * `<root>/<kind>/<id>/<random>`.
 */
export const OWN_DIR_KINDS = ["io", "overlay", "etc", "volumes"] as const;
