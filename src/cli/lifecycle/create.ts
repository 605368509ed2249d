// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { commandOf, verb, withSocket } from "../common/command.ts";
import { type ContainerOptions, withContainer } from "../container/options.ts";
import { createRequest } from "../container/create_request.ts";
import { withDaemon } from "../common/daemon.ts";
import { createDetached } from "../container/create_container.ts";
import { print } from "../text/print.ts";

/** `berth create` */
export function createCommand(): Command {
  return withContainer(withSocket(verb(
    "create",
    "Create a container without starting it; its output will go to its log",
    "berth create --name web --rootfs ./rootfs -- httpd -f",
    "berth start web",
  )))
    .passThroughOptions()
    .argument("[command...]", "what to run; with --bundle its config.json says that")
    .action(async (args: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ContainerOptions & { socket: string }>();
      await withDaemon(command, async (daemon) => {
        const { root } = await daemon.call("daemon.info", {});
        print(
          await createDetached(
            daemon,
            root,
            options.name,
            options.interactive ?? false,
            (id) => createRequest(id, options, commandOf(args), root),
          ),
        );
      });
    });
}
