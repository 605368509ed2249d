// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { findImage } from "../../images/store/find.ts";
import { verb, withSocket } from "../common/command.ts";
import { type Format, printFormatted, withFormat } from "../common/format_option.ts";
import { print, printJson } from "../text/print.ts";
import { withStore } from "./store.ts";

/** The members that a template may name. */
const MEMBERS = ["id", "digest", "names", "pulledAt", "size", "layers", "config"];

/** Advice for members of docker's that berth has not. */
const INSTEAD: Readonly<Record<string, string>> = {
  RepoTags: "take .names",
  RepoDigests: "take .digest",
  Created: "take .config.created",
  Config: "take .config.config",
  Architecture: "take .config.architecture",
  Os: "take .config.os",
  RootFS: "take .config.rootfs, and .layers for the directories",
};

/** `berth image inspect` */
export function inspectImageCommand(): Command {
  return withFormat(
    withSocket(verb(
      "inspect",
      "Print everything about images as JSON",
      "berth image inspect alpine",
      "berth image inspect -f '{{json .config.config.Env}}' alpine",
    )),
    { fields: MEMBERS, instead: INSTEAD },
  )
    .option("--json", "one line an image")
    .argument("<image...>", "names, or the beginnings of ids")
    .action(
      async (images: string[], options: { json?: true; format?: Format }, command: Command) => {
        await withStore(command, async (store) => {
          using _used = await store.lock.use();
          for (const text of images) {
            const { image } = findImage(store, text);
            const names = store.names.list().filter(({ id }) => id === image.id);
            const whole = {
              id: image.id,
              digest: image.digest,
              names: names.map(({ name }) => name),
              pulledAt: names.map(({ pulledAt }) => pulledAt).sort().at(-1) ?? null,
              size: store.graph.sizes([image]).get(image.id),
              layers: store.graph.layerDirs(image),
              config: JSON.parse(store.graph.configText(image)),
            };
            if (options.format) printFormatted(options.format, whole);
            else if (options.json) printJson(whole);
            else print(JSON.stringify(whole, undefined, 2));
          }
        });
      },
    );
}
