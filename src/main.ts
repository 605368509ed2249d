// SPDX-License-Identifier: MIT
// Where the program begins. Loads the role that argv asks for, and no other:
// - the daemon: `runtime/main.ts`; `runtime/container_manager.ts` wires its parts;
// - a shim of the daemon: `shim/main.ts`; `shim/service.ts` serves one container;
// - a shim of containerd: `containerd/main.ts`, around the same service;
// - the command line: `cli/index.ts`, in whose folders each verb has a file.
// They talk by the contracts in `rpc/contract`; CONTRIBUTING.md says what lives in which folder.
import type { DaemonProgram } from "./cli/common/daemon_program.ts";
import { parseInvocation } from "./invocation.ts";

/** The daemon for the command line, loaded when it is needed. */
export const daemonProgram: DaemonProgram = {
  run: async (args) => await (await import("./runtime/main.ts")).runDaemon(args),
  formatConfig: async (flags) => {
    const { formatConfig, loadConfig } = await import("./runtime/config/config.ts");
    return formatConfig(loadConfig(flags));
  },
  containerdLauncher: async (options) =>
    await (await import("./runtime/process/containerd_launcher.ts")).containerdLauncher(options),
  selfCommand: async () => (await import("./runtime/process/self_command.ts")).selfCommand(),
};

/**
 * Returns the name that this process was called by. The portable launcher, which starts Deno on the
 * bundle, passes it in BERTH_ARGV0; otherwise it is argv[0], which keeps the name of a link where
 * `Deno.execPath()` resolves it. The variable is taken out of the environment, or a daemon that was
 * called by a link would pass its role on to its shims.
 */
function invokedName(): string {
  const given = Deno.env.get("BERTH_ARGV0");
  if (given !== undefined) {
    Deno.env.delete("BERTH_ARGV0");
    return given;
  }
  return Deno.readTextFileSync("/proc/self/cmdline").split("\0", 1)[0] ?? "";
}

/**
 * Returns whether an argument is not UTF-8. Deno puts U+FFFD in place of what it cannot decode, so
 * that a path would name another file.
 */
function hasAlteredArgument(): boolean {
  if (!Deno.args.some((arg) => arg.includes("\ufffd"))) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync("/proc/self/cmdline"));
    // The user means that very character.
    return false;
  } catch (error) {
    if (error instanceof TypeError) return true;
    throw error;
  }
}

/**
 * Runs the role that argv asks for and returns the exit status. A shim returns none: it exits when it
 * has nothing left to serve. Each role is loaded by itself: a shim is started per container and must
 * not pay for the command line.
 */
export async function main(): Promise<number | undefined> {
  // Each Deno that starts asks a server for a newer version unless this variable is set. It is set here
  // for the processes that this one starts; for this one, the launchers in scripts/ set it.
  Deno.env.set("DENO_NO_UPDATE_CHECK", "1");
  const name = invokedName();
  const { role, args } = parseInvocation(name, Deno.args);
  if (hasAlteredArgument()) {
    console.error("berth: an argument is not UTF-8, which is all that the socket can carry");
    return 125;
  }
  switch (role) {
    case "daemon":
      return await daemonProgram.run(args);
    case "shim":
      await (await import("./shim/main.ts")).runShim(args);
      return undefined;
    case "containerd-shim": {
      const { runContainerdShim } = await import("./containerd/main.ts");
      const { selfContainerdShimCommand } = await import("./runtime/process/self_command.ts");
      return await runContainerdShim({ args, serveCommand: selfContainerdShimCommand });
    }
    case "cli":
      return await (await import("./cli/index.ts")).runCli(args, daemonProgram);
  }
}

if (import.meta.main) {
  const status = await main();
  if (status !== undefined) Deno.exit(status);
}
