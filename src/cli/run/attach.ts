// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { attach } from "../container/attach.ts";
import { detachKeysOf, withDetachKeys } from "../process_io/detach_keys.ts";
import { exitAfter } from "../process_io/session.ts";
import { withSigProxy } from "../process_io/signal_forwarder.ts";
import { VERBS } from "../text/verb_table.ts";

interface AttachCommandFlags {
  readonly stdin: boolean;
  readonly detachKeys?: string;
  readonly sigProxy: "true" | "false";
}

/** `berth attach` */
export function attachCommand(): Command {
  return withSigProxy(withDetachKeys(withSocket(verb(
    "attach",
    VERBS.attach.summary,
    "berth attach web",
  ))))
    .option("--no-stdin", "do not pass standard input on")
    .argument("<id>", "container")
    .action(async (id: string, options: AttachCommandFlags, command: Command) => {
      const detachKeys = detachKeysOf(options.detachKeys);
      await withDaemon(command, async (daemon) => {
        const { root } = await daemon.call("daemon.info", {});
        const state = await daemon.call("container.state", { id });
        const end = await attach(daemon, root, state, {
          stdin: options.stdin,
          detachKeys,
          sigProxy: options.sigProxy === "true",
        });
        exitAfter(end, { id });
      });
    });
}
