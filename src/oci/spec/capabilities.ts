// SPDX-License-Identifier: MIT
// The capabilities of a container.
import { InvalidParamsError } from "../../rpc/errors.ts";

/** Every capability, in the order of its number (include/uapi/linux/capability.h). */
const ALL_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** The capabilities that docker and containerd leave to a container's root. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** Capabilities to add to the default ones and to drop from them: names, or `ALL`. */
export interface CapabilityChanges {
  readonly add?: readonly string[];
  readonly drop?: readonly string[];
}

/**
 * Returns the default capabilities with the changes, as docker reads them: `drop` of `ALL` leaves what
 * is added alone; `add` of `ALL` gives all but what is dropped; of a name in both, it is dropped.
 *
 * @throws {InvalidParamsError} naming a capability that does not exist.
 */
export function changeCapabilities({ add = [], drop = [] }: CapabilityChanges): string[] {
  const added = new Set(add.map((name) => fullName("capAdd", name)));
  const dropped = new Set(drop.map((name) => fullName("capDrop", name)));
  const everything = knownCapabilities();
  if (added.has(ALL)) return everything.filter((name) => !dropped.has(name));
  if (dropped.has(ALL)) return [...added];
  return [...new Set([...DEFAULT_CAPABILITIES, ...added])].filter((name) => !dropped.has(name));
}

/**
 * Returns every capability that can be given here: those in the bounding set of this process
 * (proc_pid_status(5)), which holds what the kernel knows, less what the machine withholds.
 */
export function knownCapabilities(): string[] {
  const status = Deno.readTextFileSync("/proc/self/status");
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? 0}`);
  return ALL_CAPABILITIES.filter((_, bit) => (bounding >> BigInt(bit) & 1n) === 1n);
}

const ALL = "ALL";

/** Returns a name as the OCI spec has it, given with or without `CAP_` in any case. */
function fullName(path: string, text: string): string {
  const upper = text.toUpperCase();
  if (upper === ALL) return ALL;
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (ALL_CAPABILITIES.some((known) => known === name)) return name;
  const message = `there is no capability ${JSON.stringify(text)}`;
  throw new InvalidParamsError(message, [{ path, message }]);
}
