// SPDX-License-Identifier: MIT
// The paths, mounts and devices that keep a container apart from the host.

// docker's and containerd's defaults, in the members of runtime-spec's config-linux.md.

/** Paths that the container sees as empty: host state that namespaces do not separate. */
export const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
] as const;

/** Paths that the container may read only: knobs of the host's kernel. */
export const READONLY_PATHS = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
] as const;

/** Mounts that every Linux program expects, in order. */
export const DEFAULT_MOUNTS = [
  {
    destination: "/proc",
    type: "proc",
    source: "proc",
    options: ["nosuid", "noexec", "nodev"],
  },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
  {
    destination: "/dev/mqueue",
    type: "mqueue",
    source: "mqueue",
    options: ["nosuid", "noexec", "nodev"],
  },
  {
    destination: "/sys",
    type: "sysfs",
    source: "sysfs",
    options: ["nosuid", "noexec", "nodev", "ro"],
  },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  },
] as const;

const allow = (
  type: "b" | "c",
  major: number | undefined,
  minor: number | undefined,
  access: string,
) => ({
  allow: true,
  type,
  ...(major === undefined ? {} : { major }),
  ...(minor === undefined ? {} : { minor }),
  access,
});

/** Nodes of any device may be made, but only these opened (Documentation/admin-guide/devices.txt). */
export const DEVICE_RULES = [
  { allow: false, access: "rwm" },
  allow("c", undefined, undefined, "m"),
  allow("b", undefined, undefined, "m"),
  allow("c", 1, 3, "rwm"), // /dev/null
  allow("c", 1, 5, "rwm"), // /dev/zero
  allow("c", 1, 7, "rwm"), // /dev/full
  allow("c", 1, 8, "rwm"), // /dev/random
  allow("c", 1, 9, "rwm"), // /dev/urandom
  allow("c", 5, 0, "rwm"), // /dev/tty
  allow("c", 5, 2, "rwm"), // /dev/ptmx
  allow("c", 136, undefined, "rwm"), // /dev/pts/*
];
