// SPDX-License-Identifier: MIT
// `berth load` and `berth import`.
import { type Command, InvalidArgumentError } from "commander";
import { importTar } from "../../images/archive/import.ts";
import { type ArchiveSource, loadArchive } from "../../images/archive/load.ts";
import { parseReference, shortName } from "../../images/reference.ts";
import { openNamedFile } from "../../linux/fs/read_named_file.ts";
import { parsePath, verb, withSocket } from "../common/command.ts";
import { CliError } from "../common/exit_status.ts";
import { interruptible } from "../common/interruptible.ts";
import { print, printStderr } from "../text/print.ts";
import { notesOf } from "./pull_progress.ts";
import { whileUsing, withStore } from "./store.ts";
import { VERBS } from "../text/verb_table.ts";

/** The name of standard input in messages. */
const STDIN_NAME = "standard input";

/** `berth image load` and `berth load` */
export function loadCommand(): Command {
  return withSocket(verb(
    "load",
    VERBS.load.summary,
    "berth load -i app.tar",
    "docker save app | berth load",
  ))
    .option("-i, --input <file>", "archive; default: standard input", parsePath)
    .option("-q, --quiet", "show no progress (there is none)")
    .action(async (options: { input?: string }, command: Command) => {
      await withStore(command, async (store, daemon) => {
        const loaded = await interruptible(async (signal) => {
          const source = options.input === undefined
            ? { name: STDIN_NAME, content: stdinOf("--input FILE") }
            : await archiveAt(options.input, signal);
          const load = () => loadArchive(store, source, { signal });
          return await whileUsing({ store, daemon }, load, signal);
        });
        for (const { names, image } of loaded) {
          for (const name of names) print(`Loaded image: ${shortName(name)}`);
          if (names.length === 0) print(`Loaded image ID: sha256:${image.id}`);
          notesOf(store, names[0] ?? image.id, image).forEach(printStderr);
        }
      });
    });
}

/**
 * Returns stat(2) of an archive, which may also be a pipe, as `/dev/fd/63` of a shell's `<(…)`.
 *
 * @throws {CliError} where nothing is there, or a directory.
 */
function statFile(path: string): Deno.FileInfo {
  try {
    const info = Deno.statSync(path);
    if (!info.isDirectory) return info;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CliError(`${path}: no such file`, { cause: error });
  }
  throw new CliError(`${path} is a directory, not an archive`);
}

/** Opens a file or a pipe to be read; a FIFO without a writer is waited for until the signal aborts. */
async function openFile(
  path: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  statFile(path);
  return (await openNamedFile(path, signal)).readable;
}

/** Returns the archive at a path: where it is, or the content of a pipe. */
async function archiveAt(path: string, signal: AbortSignal): Promise<ArchiveSource> {
  const name = statFile(path).isFile ? Deno.realPathSync(path) : undefined;
  return { name: name ?? path, content: name ?? await openFile(path, signal) };
}

/** Returns the content of standard input, which must not be a terminal. */
function stdinOf(instead: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (!Deno.stdin.isTerminal()) return Deno.stdin.readable;
  throw new CliError(`say which archive: ${instead}, or pass it on standard input`);
}

/** `berth image import` and `berth import` */
export function importCommand(): Command {
  return withSocket(verb(
    "import",
    VERBS.import.summary,
    "berth import rootfs.tar.gz my/base:1",
    "tar -C rootfs -c . | berth import --cmd sh - my/base",
  ))
    .option("--cmd <command>", "default command of containers, split at blanks")
    .argument("<file>", "tar archive, also a compressed one; - for standard input", parsePath)
    .argument("[image]", "name of the image; without one it has its id alone", parseName)
    .action(
      async (
        file: string,
        image: string | undefined,
        options: { cmd?: string },
        command: Command,
      ) => {
        await withStore(command, async (store, daemon) => {
          const cmd = options.cmd?.split(/\s+/).filter((word) => word !== "");
          const made = await interruptible(async (signal) => {
            const tar = file === "-"
              ? { name: STDIN_NAME, content: stdinOf("FILE in place of -") }
              : { name: file, content: await openFile(file, signal) };
            const reference = image === undefined ? undefined : parseReference(image);
            const make = () => importTar(store, tar, reference, { signal, cmd });
            return await whileUsing({ store, daemon }, make, signal);
          });
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
