// SPDX-License-Identifier: MIT
import { Argument, type Command, Option } from "commander";
import { somePath, verb } from "../common/command.ts";
import type { DaemonProgram } from "../common/daemon_program.ts";
import { print } from "../text/print.ts";

/** What containerd calls its shim for the runtime `io.containerd.berth.v2`. */
const SHIM_NAME = "containerd-shim-berth-v2";

/** `berth install` */
export function installCommand(daemon: DaemonProgram): Command {
  return verb(
    "install",
    "Put a file in place by which another program runs berth",
    "berth install containerd-shim",
    "berth install containerd-shim --dir /opt/containerd/bin",
  )
    .addArgument(new Argument("<what>", "what to install").choices(["containerd-shim"]))
    .addOption(
      new Option("--dir <path>", "directory of the new file").default("/usr/local/bin").argParser(
        somePath,
      ),
    )
    .option("--name <name>", "another name than containerd's for berth", SHIM_NAME)
    .action(async (_what: string, { dir, name }: { dir: string; name: string }) => {
      const path = `${dir}/${name}`;
      // A shell that reads the old file goes on with it.
      const draft = `${path}.draft`;
      Deno.writeTextFileSync(draft, await daemon.containerdLauncher(), { mode: 0o755 });
      Deno.chmodSync(draft, 0o755);
      Deno.renameSync(draft, path);
      print(path);
    });
}
