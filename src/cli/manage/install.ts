// SPDX-License-Identifier: MIT
import { Argument, type Command, Option } from "commander";
import { matching, parsePath, verb } from "../common/command.ts";
import type { DaemonProgram } from "../common/daemon_program.ts";
import { CliError } from "../common/exit_status.ts";
import { formatCommand } from "../text/format.ts";
import { print, printStderr } from "../text/print.ts";
import {
  checkShimPath,
  type InstalledFile,
  installFile,
  removeInstalled,
  shellFiles,
} from "./installed_files.ts";
import { VERBS } from "../text/verb_table.ts";

/** The name by which containerd calls its shim for the runtime `io.containerd.berth.v2`. */
const SHIM_NAME = "containerd-shim-berth-v2";

interface InstallFlags {
  readonly dir?: string;
  readonly name?: string;
  readonly prefix?: string;
  readonly remove?: true;
  /** False where no process shall wait to be the next shim. */
  readonly waiting: boolean;
}

/** `berth install` */
export function installCommand(daemon: DaemonProgram): Command {
  return verb(
    "install",
    VERBS.install.summary,
    "berth install docs",
    "berth install docs --prefix /usr --remove",
    "berth install containerd-shim --dir /opt/containerd/bin",
  )
    .addArgument(
      new Argument("<what>", "docs: man pages and completions; or the shim of containerd")
        .choices(["docs", "containerd-shim"]),
    )
    .addOption(
      new Option("--prefix <path>", "directory of share, for docs (default: /usr/local)")
        .argParser(parsePath),
    )
    .addOption(
      new Option("--dir <path>", "directory of the shim's file (default: /usr/local/bin)")
        .argParser(parsePath),
    )
    .addOption(
      new Option("--name <name>", `another name of the shim's file than ${SHIM_NAME}`)
        .argParser(matching(/^(?!\.{1,2}$)[^/]+$/, "expected a name, not a path")),
    )
    .option("--no-waiting", "have no process wait to be the next shim: a slower start")
    .option("--remove", "remove what the same command without this option puts there")
    .action(async (what: string, options: InstallFlags, command: Command) => {
      const { parent } = command;
      const files = what === "docs" && parent
        ? docsFiles(parent, options)
        : await shimFiles(daemon, options);
      for (const file of files) {
        if (!options.remove) {
          installFile(file);
          print(file.path);
        } else if (removeInstalled(file.path)) print(`removed ${file.path}`);
        else printStderr(`berth: ${file.path} is not there`);
      }
      if (!options.remove) printStderr(`berth: "${removal(what, options)}" removes this again`);
    });
}

function docsFiles(
  program: Command,
  { dir, name, prefix, waiting }: InstallFlags,
): InstalledFile[] {
  if (dir !== undefined || name !== undefined || !waiting) {
    throw new CliError(
      "--dir, --name and --no-waiting are for containerd-shim: docs take --prefix",
    );
  }
  return shellFiles(program, prefix ?? "/usr/local");
}

async function shimFiles(
  daemon: DaemonProgram,
  { dir = "/usr/local/bin", name = SHIM_NAME, prefix, waiting }: InstallFlags,
): Promise<InstalledFile[]> {
  if (prefix !== undefined) throw new CliError("--prefix is for docs: containerd-shim takes --dir");
  const path = `${dir}/${name}`;
  checkShimPath(path);
  return [{
    path,
    text: await daemon.containerdLauncher({ waiting }),
    mode: 0o755,
    option: "--dir",
  }];
}

/** Returns the command that removes what the same one without `--remove` has put in place. */
function removal(what: string, { dir, name, prefix }: InstallFlags): string {
  const given = Object.entries({ dir, name, prefix })
    .flatMap(([key, value]) => value === undefined ? [] : [`--${key}`, value]);
  return formatCommand(["berth", "install", what, ...given, "--remove"]);
}
