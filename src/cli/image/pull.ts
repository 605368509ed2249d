// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { parseReference } from "../../images/reference.ts";
import { somePath, verb, withSocket } from "../common/command.ts";
import { print } from "../text/print.ts";
import { pullForPerson } from "./pull_progress.ts";
import { withStore } from "./store.ts";

interface PullOptions {
  readonly creds?: string;
  readonly authfile?: string;
  /** Without the option undefined; commander sets what `--tls-verify=false` says. */
  readonly tlsVerify?: string;
}

/** `berth image pull` and `berth pull` */
export function pullCommand(): Command {
  return withSocket(verb(
    "pull",
    "Pull images",
    "berth pull alpine nginx:1.27",
    "berth pull --creds me:secret registry.example.org/app:3",
    "berth pull --tls-verify=false 10.0.0.5:5000/app",
    "berth pull oci-archive:app.tar",
  ))
    .option("--creds <user:password>", "credentials for the registry")
    .option("--authfile <file>", "credentials as skopeo login or docker login wrote them", somePath)
    .option("--tls-verify <bool>", "false: take http and any certificate")
    .argument("<image...>", "images to pull")
    .action(async (images: string[], options: PullOptions, command: Command) => {
      const { creds, authfile, tlsVerify } = options;
      const references = images.map(parseReference);
      await withStore(command, async (store) => {
        for (const reference of references) {
          using _used = await store.use();
          const image = await pullForPerson(store, reference, {
            ...(creds !== undefined && { creds }),
            ...(authfile !== undefined && { authfile }),
            ...(tlsVerify !== undefined && { tlsVerify: !/^(false|0)$/i.test(tlsVerify) }),
          });
          print(image.id);
        }
      });
    });
}
