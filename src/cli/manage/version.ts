// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { PROTOCOL, VERSION } from "../../version.ts";
import { verb, withJson, withSocket } from "../common/command.ts";
import { DaemonConnection } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { type Format, printFormatted, withFormat } from "../common/format_option.ts";
import { print, printJson } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface VersionFlags {
  readonly socket: string;
  readonly json?: true;
  readonly format?: Format;
}

/** `berth version` */
export function versionCommand(): Command {
  return withFormat(
    withJson(
      withSocket(verb(
        "version",
        VERBS.version.summary,
        "berth version --json",
        "berth version -f '{{.daemon.version}}'",
      )),
    ),
    { fields: ["client", "daemon"], instead: { Server: "take .daemon" } },
  ).action(async (options: VersionFlags, command: Command) => {
    const { socket } = command.optsWithGlobals<{ socket: string }>();
    const daemon = await daemonInfo(socket);
    const client = { version: VERSION, protocol: PROTOCOL, deno: Deno.version.deno };
    const whole = { client, ...(daemon && { daemon }) };
    if (options.format) return printFormatted(options.format, whole);
    if (options.json) return printJson(whole);
    print(`berth ${VERSION} (protocol ${PROTOCOL}, deno ${Deno.version.deno})`);
    print(
      daemon
        ? `daemon ${daemon.version} (protocol ${daemon.protocol}, pid ${daemon.pid}, ${daemon.runtime.path} ${daemon.runtime.version})`
        : `daemon: none on ${socket}`,
    );
  });
}

/** Returns the info of the daemon; undefined where none can be reached. */
async function daemonInfo(socket: string) {
  try {
    using daemon = await DaemonConnection.connect(socket);
    return await daemon.call("daemon.info", {});
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
}
