// SPDX-License-Identifier: MIT
import { type Command, InvalidArgumentError } from "commander";
import { importTar, loadArchive } from "../../images/archive.ts";
import { parseReference, shortName } from "../../images/reference.ts";
import { somePath, verb, withSocket } from "../common/command.ts";
import { CliError } from "../common/exit_status.ts";
import { interruptible } from "../common/interruptible.ts";
import { print, printStderr } from "../text/print.ts";
import { notesOf } from "./pull_progress.ts";
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
        const source = options.input === undefined ? stdinOf() : Deno.realPathSync(options.input);
        const loaded = await interruptible((signal) =>
          whileUsing(store, () => loadArchive(store, source, { signal }), signal)
        );
        for (const { names, image } of loaded) {
          for (const name of names) print(`Loaded image: ${shortName(name)}`);
          notesOf(store, names[0], image).forEach(printStderr);
        }
      });
    });
}

/** Returns what standard input brings, which must not be a person. */
function stdinOf(): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (!Deno.stdin.isTerminal()) return Deno.stdin.readable;
  throw new CliError("say which archive to load: --input FILE, or pass it on standard input");
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
    .argument("<file>", "tar archive, also a compressed one; - for standard input", somePath)
    .argument("<image>", "name of the image", parseName)
    .action(
      async (file: string, image: string, options: { cmd?: string }, command: Command) => {
        await withStore(command, async (store) => {
          const tar = file === "-" ? Deno.stdin.readable : Deno.openSync(file).readable;
          const cmd = options.cmd?.split(/\s+/).filter((word) => word !== "");
          const made = await interruptible((signal) =>
            whileUsing(
              store,
              () =>
                importTar(store, tar, parseReference(image), {
                  signal,
                  ...(cmd !== undefined && { cmd }),
                }),
              signal,
            )
          );
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
