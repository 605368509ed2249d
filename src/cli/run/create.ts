// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { Interruption, leave } from "../common/interruptible.ts";
import { Creation } from "../create/creation.ts";
import { type ContainerOptions, IMAGE_ARGUMENT, withContainer } from "../options/options.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth create` */
export function createCommand(): Command {
  return withContainer(withSocket(verb(
    "create",
    VERBS.create.summary,
    "berth create --name web nginx",
    "berth create --name files --rootfs ./rootfs -- httpd -f",
    "berth start web",
  )))
    .passThroughOptions()
    .argument("[image-and-command...]", IMAGE_ARGUMENT)
    .action(async (args: string[], options: ContainerOptions, command: Command) => {
      await withDaemon(command, async (daemon) => {
        using interruption = new Interruption(leave);
        await using creation = await Creation.open(daemon, options, args, interruption.signal);
        print(await creation.detached());
      });
    });
}
