// SPDX-License-Identifier: MIT
import { ifThere } from "../fs/if_there.ts";
import { readMountInfo, unmountOrder } from "./mountinfo.ts";

/**
 * Returns the mount points at or below `dir`, in the order in which to unmount them; a path with
 * two mounts on each other is there twice. Empty where `dir` does not exist. Reads the whole mount
 * table.
 */
export function mountsUnder(dir: string): string[] {
  const real = ifThere(() => Deno.realPathSync(dir));
  return real === undefined
    ? []
    : unmountOrder(readMountInfo(), real).map(({ mountPoint }) => mountPoint);
}
