// SPDX-License-Identifier: MIT
import type { FolderVerbs } from "../common/command.ts";
import { daemonCommand } from "./daemon.ts";
import { configCommand } from "./config.ts";
import { shutdownCommand } from "./shutdown.ts";
import { installCommand } from "./install.ts";
import { infoCommand } from "./info.ts";
import { pruneCommand } from "./prune.ts";
import { versionCommand } from "./version.ts";
import { callCommand } from "./call.ts";
import { shimCommand } from "./shim.ts";
import { completionCommand } from "./completion.ts";
import { manCommand } from "./man.ts";
import { helpCommand } from "./help.ts";

/** The verbs of this folder by name. */
export const verbs: FolderVerbs<"manage"> = {
  daemon: daemonCommand,
  config: configCommand,
  shutdown: shutdownCommand,
  install: installCommand,
  info: infoCommand,
  prune: pruneCommand,
  version: versionCommand,
  call: callCommand,
  shim: shimCommand,
  completion: completionCommand,
  man: manCommand,
  help: helpCommand,
};
