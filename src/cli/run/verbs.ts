// SPDX-License-Identifier: MIT
import type { FolderVerbs } from "../common/command.ts";
import { runCommand } from "./run.ts";
import { execCommand } from "./exec.ts";
import { createCommand } from "./create.ts";
import { attachCommand } from "./attach.ts";
import { cpCommand } from "./cp.ts";

/** The verbs of this folder by name. */
export const verbs: FolderVerbs<"run"> = {
  run: runCommand,
  exec: execCommand,
  create: createCommand,
  attach: attachCommand,
  cp: cpCommand,
};
