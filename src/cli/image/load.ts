// SPDX-License-Identifier: MIT
import { type Command, InvalidArgumentError } from "commander";
import { importTar, loadArchive } from "../../images/archive.ts";
import { parseReference, shortName } from "../../images/reference.ts";
import type { ImageStore } from "../../images/store.ts";
import { somePath, verb, withSocket } from "../common/command.ts";
import { CliError } from "../common/exit_status.ts";
import { print } from "../text/print.ts";
import { whileUsing, withStore } from "./store.ts";

/** `berth image load` and `berth load` */
export function loadCommand(): Command {
  return withSocket(verb(
    "load",
    "Load images from an archive of docker save or podman save",
    "berth load -i app.tar",
    "docker save app | berth load",
  ))
    .option("-i, --input <file>", "archive; default: standard input", somePath)
    .action(async (options: { input?: string }, command: Command) => {
      await withStore(command, async (store) => {
        const names = await whileUsing(
          store,
          () =>
            options.input === undefined
              ? fromStdin(store, (file) => loadArchive(store, file))
              : loadArchive(store, Deno.realPathSync(options.input)),
        );
        for (const name of names) print(`Loaded image: ${shortName(name)}`);
      });
    });
}

/** Skopeo reads archives from files alone. */
async function fromStdin<T>(store: ImageStore, use: (file: string) => Promise<T>): Promise<T> {
  if (Deno.stdin.isTerminal()) {
    throw new CliError("say which archive to load: --input FILE, or pass it on standard input");
  }
  const file = Deno.makeTempFileSync({ dir: store.temporary });
  try {
    await Deno.stdin.readable.pipeTo(Deno.openSync(file, { write: true }).writable);
    return await use(file);
  } finally {
    Deno.removeSync(file);
  }
}

/** `berth image import` and `berth import` */
export function importCommand(): Command {
  return withSocket(verb(
    "import",
    "Make an image from a tar archive of a root filesystem",
    "berth import rootfs.tar.gz my/base:1",
    "tar -C rootfs -c . | berth import --cmd sh - my/base",
  ))
    .option("--cmd <command>", "default command of containers, split at blanks")
    .argument("<file>", "tar archive, also one of gzip; - for standard input", somePath)
    .argument("<image>", "name of the image", parseName)
    .action(
      async (file: string, image: string, options: { cmd?: string }, command: Command) => {
        await withStore(command, async (store) => {
          const tar = file === "-" ? Deno.stdin.readable : Deno.openSync(file).readable;
          const cmd = options.cmd?.split(/\s+/).filter((word) => word !== "");
          const made = await whileUsing(store, () =>
            importTar(store, tar, parseReference(image), {
              ...(cmd !== undefined && { cmd }),
            }));
          print(made.id);
        });
      },
    );
}

function parseName(text: string): string {
  if (parseReference(text).local || text.includes("@")) {
    throw new InvalidArgumentError("expected a name such as my/base:1");
  }
  return text;
}
