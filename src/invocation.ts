// SPDX-License-Identifier: MIT

/** The role of one process of berth: the daemon, a shim, or a command. */
export type Role = "daemon" | "shim" | "containerd-shim" | "cli";

/** A role and the arguments that are left for it. */
export interface Invocation {
  readonly role: Role;
  readonly args: string[];
}

/**
 * Determines the role from the arguments, or else from the name that berth was called by: a link
 * `berthd` is the daemon, `berth-shim` a shim, `containerd-shim-berth-v2` a shim of containerd.
 * Arguments come first, since berth calls its own file with them, whatever that is called: as
 * daemon and as shim.
 */
export function parseInvocation(name: string, args: readonly string[]): Invocation {
  if (args[0] === "daemon") return { role: "daemon", args: args.slice(1) };
  if (args[0] === "shim" && args[1] === "serve") return { role: "shim", args: args.slice(1) };
  if (args[0] === "containerd-shim") return { role: "containerd-shim", args: args.slice(1) };
  const base = name.slice(name.lastIndexOf("/") + 1);
  // containerd derives this name from the runtime's, such as `io.containerd.berth.v2`.
  if (/^containerd-shim-.+-v\d+$/.test(base)) return { role: "containerd-shim", args: [...args] };
  switch (base) {
    case "berthd":
      return { role: "daemon", args: [...args] };
    case "berth-shim":
      return { role: "shim", args: ["serve", ...args] };
    default:
      return { role: "cli", args: [...args] };
  }
}
