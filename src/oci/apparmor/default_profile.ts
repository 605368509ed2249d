// SPDX-License-Identifier: MIT
// The AppArmor profile of containers.

/** Name of {@linkcode APPARMOR_PROFILE}. */
export const DEFAULT_PROFILE_NAME = "berth-default";

/**
 * The AppArmor profile of containers (apparmor.d(5)). It allows what a container is for, and keeps its
 * root from what namespaces do not: to mount, to write to the kernel's knobs and memory, and to trace
 * or signal processes outside. The same as docker's and containerd's default profiles deny.
 */
export const APPARMOR_PROFILE = `#include <tunables/global>

profile ${DEFAULT_PROFILE_NAME} flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/base>

  capability,
  file,
  network,
  umount,

  # From the host's own programs, which are unconfined, and from a runtime that has a profile.
  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (receive) peer=crun,
  # Within containers.
  signal (send, receive) peer=${DEFAULT_PROFILE_NAME},
  ptrace (trace, read, tracedby, readby) peer=${DEFAULT_PROFILE_NAME},

  deny mount,

  # Of /proc only what belongs to a process, and of /proc/sys only what a namespace has of its own.
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/** w,
  deny @{PROC}/sys/[^kn]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,

  # Of /sys nothing but cgroups.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
