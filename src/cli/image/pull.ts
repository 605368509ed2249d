// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { parseReference } from "../../images/reference.ts";
import { verb, withSocket } from "../common/command.ts";
import { interruptible } from "../common/interruptible.ts";
import { print } from "../text/print.ts";
import { pullForPerson, type QuietOption } from "./pull_progress.ts";
import { registryAccess, type RegistryOptions, withRegistry } from "./registry_options.ts";
import { whileUsing, withStore } from "./store.ts";
import { VERBS } from "../text/verb_table.ts";

interface PullFlags extends RegistryOptions, QuietOption {}

/** `berth image pull` and `berth pull` */
export function pullCommand(): Command {
  return withRegistry(withSocket(verb(
    "pull",
    VERBS.pull.summary,
    "berth pull alpine nginx:1.27",
    "berth pull --creds me:secret registry.example.org/app:3",
    "berth pull --tls-verify=false 10.0.0.5:5000/app",
    "berth pull oci-archive:app.tar",
  )))
    .option("-q, --quiet", "print only the ids")
    .argument("<image...>", "images to pull")
    .action(async (images: string[], options: PullFlags, command: Command) => {
      const references = images.map(parseReference);
      const access = registryAccess(options);
      const { quiet } = options;
      await withStore(
        command,
        (store, daemon) =>
          interruptible((signal) =>
            whileUsing({ store, daemon }, async () => {
              for (const reference of references) {
                const image = await pullForPerson(store, reference, { ...access, quiet, signal });
                print(image.id);
              }
            }, signal)
          ),
      );
    });
}
