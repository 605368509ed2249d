// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { explainFailure } from "../image/explain.ts";
import { openRootfs } from "../image/rootfs.ts";
import { type ContainerOptions, IMAGE_ARGUMENT, withContainer } from "../options/options.ts";
import { CidFile } from "../create/cid_file.ts";
import { createRequest } from "../create/create_request.ts";
import { listAllContainers } from "../common/list_containers.ts";
import { UserNamespaces } from "../options/user_namespace.ts";
import { findNamespaces } from "../options/namespaces.ts";
import { chooseNetwork } from "../options/network.ts";
import { withDaemon } from "../common/daemon.ts";
import { createDetached } from "../create/create_container.ts";
import { print } from "../text/print.ts";

/** `berth create` */
export function createCommand(): Command {
  return withContainer(withSocket(verb(
    "create",
    "Create a container without starting it",
    "berth create --name web nginx",
    "berth create --name files --rootfs ./rootfs -- httpd -f",
    "berth start web",
  )))
    .passThroughOptions()
    .argument("[image-and-command...]", IMAGE_ARGUMENT)
    .action(async (args: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ContainerOptions & { socket: string }>();
      await withDaemon(command, async (daemon) => {
        const { root, defaults } = await daemon.call("daemon.info", {});
        const namespaces = await findNamespaces(daemon, options);
        const list = () => listAllContainers((params) => daemon.call("container.list", params));
        using userNamespaces = UserNamespaces.find(list, options, {
          root,
          remap: defaults.usernsRemap,
        });
        using cidFile = new CidFile(options.cidfile);
        using rootfs = await openRootfs(options, args, root);
        const network = await chooseNetwork(daemon, options, rootfs.image !== undefined);
        const id = await createDetached(
          daemon,
          root,
          options.name,
          options.interactive ?? false,
          (id) =>
            createRequest(id, {
              options,
              rootfs,
              root,
              namespaces,
              network,
              defaults,
              userNamespaces,
            }),
        ).catch((error: unknown) => {
          throw explainFailure(error, rootfs);
        });
        cidFile.write(id);
        print(id);
      });
    });
}
