// SPDX-License-Identifier: MIT
import { findCgroup2, putBack } from "../../../src/oci/driver/keep_mount.ts";

/** The host's cgroup v2, whose options a test looks at. */
export interface CgroupOptions extends Disposable {
  /** Shell: takes the options away, as CRIU does. */
  readonly strip: string;
  /** Returns whether the options are what they were. */
  areKept(): boolean;
}

/** Returns the host's cgroup v2, which at the end has its options in any case. */
export function cgroupOptions(): CgroupOptions {
  const before = findCgroup2();
  return {
    // With a source mount(8) adds no options that are there.
    strip: before === undefined
      ? ":"
      : `mount -o 'remount,${before.options}' cgroup2 '${before.mountPoint}'`,
    areKept: () => findCgroup2()?.superOptions === before?.superOptions,
    [Symbol.dispose]() {
      if (before !== undefined) putBack(before);
    },
  };
}
