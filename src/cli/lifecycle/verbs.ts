// SPDX-License-Identifier: MIT
import type { FolderVerbs } from "../common/command.ts";
import { startCommand } from "./start.ts";
import { stopCommand } from "./stop.ts";
import { killCommand } from "./kill.ts";
import { rmCommand } from "./rm.ts";
import { waitCommand } from "./wait.ts";
import { restartCommand } from "./restart.ts";
import { renameCommand } from "./rename.ts";
import { pauseCommand } from "./pause.ts";
import { resumeCommand } from "./resume.ts";
import { updateCommand } from "./update.ts";
import { checkpointCommand } from "./checkpoint.ts";
import { restoreCommand } from "./restore.ts";
import { containerCommand } from "./container.ts";

/** The verbs of this folder by name. */
export const verbs: FolderVerbs<"lifecycle"> = {
  start: startCommand,
  stop: stopCommand,
  kill: killCommand,
  rm: rmCommand,
  wait: waitCommand,
  restart: restartCommand,
  rename: renameCommand,
  pause: pauseCommand,
  resume: resumeCommand,
  update: updateCommand,
  checkpoint: checkpointCommand,
  restore: restoreCommand,
  container: containerCommand,
};
