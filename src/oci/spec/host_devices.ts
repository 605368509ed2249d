// SPDX-License-Identifier: MIT
import { ifThere } from "../../linux/fs/if_there.ts";

/** A device node as the OCI spec has it (runtime-spec, config-linux.md, "Devices"). */
export interface DeviceNode {
  readonly path: string;
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Names below /dev that a container has of its own, or that docker leaves out of the host's. */
const SKIPPED = new Set([
  "pts",
  "shm",
  "fd",
  "mqueue",
  ".lxc",
  ".lxd-mounts",
  ".udev",
  "console",
  "core",
]);

/** Returns every device node below `dir`, all of which a privileged container gets. */
export function hostDevices(dir = "/dev"): DeviceNode[] {
  const found: DeviceNode[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(dir)) {
    if (SKIPPED.has(name)) continue;
    const path = `${dir}/${name}`;
    if (isDirectory) {
      found.push(...hostDevices(path));
      continue;
    }
    const node = deviceNode(path);
    if (node !== undefined) found.push(node);
  }
  return found;
}

function deviceNode(path: string): DeviceNode | undefined {
  const info = ifThere(() => Deno.lstatSync(path));
  // Unplugged since it was listed.
  if (info === undefined) return undefined;
  const { isBlockDevice, isCharDevice, rdev, mode, uid, gid } = info;
  if (!isBlockDevice && !isCharDevice) return undefined;
  const device = rdev ?? 0;
  return {
    path,
    type: isBlockDevice ? "b" : "c",
    // glibc's encoding of dev_t (sys/sysmacros.h), for devices below 2^32.
    major: (device >> 8) & 0xfff,
    minor: (device & 0xff) | ((device >> 12) & 0xfff00),
    fileMode: (mode ?? 0o600) & 0o7777,
    uid: uid ?? 0,
    gid: gid ?? 0,
  };
}
