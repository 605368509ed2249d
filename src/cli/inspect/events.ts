// SPDX-License-Identifier: MIT
// `berth events`.
import { type Command, InvalidArgumentError, Option } from "commander";
import { EVENT_TYPES } from "../../rpc/contract/event_types.ts";
import type { Event, EventType } from "../../rpc/contract/schemas.ts";
import { collect, verb, withJson, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { type Format, printFormatted, withFormat } from "../common/format_option.ts";
import { parseWhole } from "../options/resources.ts";
import { escapeControls } from "../text/format.ts";
import { colored, print, printJson, printStderr } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface EventsFlags {
  readonly after?: number;
  readonly id?: string[];
  readonly type?: EventType[];
  readonly json?: true;
  readonly format?: Format;
}

/** The members of an event. */
const MEMBERS: Readonly<Record<keyof Event, true>> = {
  ...{ seq: true, timestamp: true, runtime: true, type: true, id: true, instance: true },
  ...{ labels: true, pid: true, execId: true, exitStatus: true, exitStatusUnknown: true },
  ...{ exitedAt: true, synthetic: true, oom: true, path: true, network: true, replaces: true },
  ...{ newId: true, restart: true, error: true },
};

/** Advice for members of docker's that berth has not. */
const INSTEAD: Readonly<Record<string, string>> = {
  Action: "take .type",
  Actor: "take .id and .labels",
  Status: "take .type",
  Time: "take .timestamp",
  TimeNano: "take .timestamp",
};

/** `berth events` */
export function eventsCommand(): Command {
  const command = withJson(withSocket(verb(
    "events",
    VERBS.events.summary,
    "berth events --id web --type exit",
    "berth events --after 0 --json",
    "berth events --type exit --format '{{.id}} {{.exitStatus}}'",
  )));
  const rules = { fields: Object.keys(MEMBERS), instead: INSTEAD };
  return withFormat(command, rules, "--format <format>")
    .option(
      "--after <seq>",
      "start after this sequence number; 0: all that are kept",
      parseWhole(0),
    )
    .option("--id <id>", "only of this container; may be repeated", collect)
    .addOption(
      new Option("--type <type>", "only of this type; may be repeated").choices(EVENT_TYPES)
        .argParser(collectType),
    )
    .action(async (options: EventsFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const { after, id: ids, type: types, format, json } = options;
        await daemon.follow(
          { after, ids, types },
          (event) => {
            if (format) printFormatted(format, event);
            else if (json) printJson(event);
            else print(eventLine(event));
          },
          ({ after, latest }) =>
            printStderr(
              after > latest
                ? `berth: there is no event ${after}, the last one is ${latest}: going on with all that are kept`
                : "berth: some of the events asked for are no longer kept",
            ),
        );
      });
    });
}

function collectType(text: string, previous: EventType[] | undefined): EventType[] {
  const type = EVENT_TYPES.find((known) => known === text);
  if (type === undefined) {
    throw new InvalidArgumentError(`expected one of ${EVENT_TYPES.join(", ")}`);
  }
  return [...previous ?? [], type];
}

/** Returns an event in one line for people. */
export function eventLine(event: Event): string {
  const parts = [
    `${event.timestamp}  ${String(event.seq).padStart(5)}  ${
      colored(event.type.padEnd(12), "bold")
    }`,
    event.newId === undefined ? event.id : `${event.id} now=${event.newId}`,
    event.execId !== undefined ? `exec=${event.execId}` : undefined,
    `pid=${event.pid}`,
    event.exitStatus !== undefined
      ? `status=${event.exitStatus}${event.exitStatusUnknown ? "?" : ""}`
      : undefined,
    event.synthetic ? "synthetic" : undefined,
    // A container that may make cgroups names them.
    event.oom ? `kills=${event.oom.kills} cgroup=${escapeControls(event.oom.cgroup)}` : undefined,
    event.path !== undefined ? `path=${event.path}` : undefined,
    event.restart ? `count=${event.restart.count} at=${event.restart.at}` : undefined,
    event.error !== undefined ? `error=${escapeControls(JSON.stringify(event.error))}` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(" ");
}
