// SPDX-License-Identifier: MIT
import { O_DIRECTORY, O_PATH, OwnedFd } from "../fd/fd.ts";
import { mount, type MountSpec } from "./mount.ts";
import { unmount } from "./unmount.ts";

/**
 * Mounts something where only this process sees it, through the fd: it is at no path, and goes with
 * the fd. It is read through `/proc/self/fd/N/…`.
 *
 * @param place An empty directory on which it is mounted for a moment.
 * @throws LinuxError as {@linkcode mount}
 */
export function openView(spec: Omit<MountSpec, "target">, place: string): OwnedFd {
  mount({ ...spec, target: place });
  try {
    return OwnedFd.open(place, O_PATH | O_DIRECTORY);
  } finally {
    unmount(place, { detach: true });
  }
}
