// SPDX-License-Identifier: MIT
import type { FolderVerbs } from "../common/command.ts";
import { psCommand } from "./ps.ts";
import { logsCommand } from "./logs.ts";
import { inspectCommand } from "./inspect.ts";
import { statsCommand } from "./stats.ts";
import { topCommand } from "./top.ts";
import { eventsCommand } from "./events.ts";

/** The verbs of this folder by name. */
export const verbs: FolderVerbs<"inspect"> = {
  ps: psCommand,
  logs: logsCommand,
  inspect: inspectCommand,
  stats: statsCommand,
  top: topCommand,
  events: eventsCommand,
};
