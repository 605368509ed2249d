// SPDX-License-Identifier: MIT
import { exists } from "../fs/exists.ts";
import { inNamespace } from "./namespace.ts";

/** Documentation/networking/ip-sysctl.rst: the lowest port, and the groups, that need no capability. */
const SETTINGS = [
  ["/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"],
  ["/proc/sys/net/ipv4/ping_group_range", "0 2147483647"],
] as const;

/**
 * Lets every user in a network namespace bind ports below 1024 and ping, as docker does: its ports are
 * nobody else's. Root of a user namespace, whom the network namespace does not belong to, could do
 * neither.
 *
 * @param path of the network namespace.
 * @throws {LinuxError} as {@linkcode inNamespace}.
 */
export function letUsersBindAndPing(path: string): void {
  inNamespace(path, () => {
    for (const [file, value] of SETTINGS) {
      // Linux 4.11 and later have the first.
      if (exists(file)) Deno.writeTextFileSync(file, value, { create: false });
    }
  });
}
