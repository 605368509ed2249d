// SPDX-License-Identifier: MIT
import type { FolderVerbs } from "../common/command.ts";
import { portCommand } from "./port.ts";
import { networkCommand } from "./index.ts";

/** The verbs of this folder by name. */
export const verbs: FolderVerbs<"network"> = {
  port: portCommand,
  network: networkCommand,
};
