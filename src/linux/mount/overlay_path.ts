// SPDX-License-Identifier: MIT
// Paths in the options of an overlay mount: Documentation/filesystems/overlayfs.rst.

/** Returns a path as an option has it: commas, colons and backslashes are escaped. */
export function escapeOverlayPath(path: string): string {
  return path.replaceAll(/[\\,:]/g, "\\$&");
}

/** Takes {@linkcode escapeOverlayPath} back. */
export function unescapeOverlayPath(path: string): string {
  return path.replaceAll(/\\(.)/gs, "$1");
}
