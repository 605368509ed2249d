// SPDX-License-Identifier: MIT
import { escapeOverlayPath } from "../linux/mount/options.ts";

/** An overlay mount, as `container.create` takes it for the rootfs. */
export interface OverlayMount {
  readonly type: "overlay";
  readonly source: "overlay";
  readonly options: string[];
}

/**
 * Returns the overlay of directories, the topmost first (Documentation/filesystems/overlayfs.rst),
 * below a container's own `upper`; without it the mount can only be read.
 */
export function overlayMount(
  lowers: readonly string[],
  own?: { readonly upper: string; readonly work: string },
): OverlayMount {
  const options = [`lowerdir=${lowers.map(escapeOverlayPath).join(":")}`];
  if (own !== undefined) {
    options.push(
      `upperdir=${escapeOverlayPath(own.upper)}`,
      `workdir=${escapeOverlayPath(own.work)}`,
    );
  }
  return { type: "overlay", source: "overlay", options };
}
