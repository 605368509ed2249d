// SPDX-License-Identifier: MIT
import { type Command, Option } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { checkId } from "../common/ids.ts";
import { ContainerRoot } from "../copy/container_root.ts";
import { copy, extract, packSource, sourceAt, targetAt } from "../copy/copy.ts";
import { Place } from "../copy/place.ts";
import { pathError } from "../copy/path_error.ts";
import { unwritable, writeToSink } from "../process_io/output.ts";
import { escapeControls } from "../text/format.ts";
import { exitUnread, printStderr } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface CpFlags {
  readonly archive?: true;
  readonly followLink?: true;
}

/** `berth cp` */
export function cpCommand(): Command {
  return withSocket(verb(
    "cp",
    VERBS.cp.summary,
    "berth cp web:/etc/hosts .",
    "berth cp ./site web:/srv",
    "berth cp web:/var/log - | tar -t",
  ))
    .option("-a, --archive", "keep the owners of the files")
    .option("-L, --follow-link", "copy what a symlink leads to")
    // docker's word: nothing is said here in any case.
    .addOption(new Option("-q, --quiet", "say nothing of success").hideHelp())
    .argument("<source>", "ID:PATH, a path of the host, or - for a tar archive on standard input")
    .argument("<target>", "ID:PATH, a path of the host, or - for a tar archive on standard output")
    .action(async (from: string, to: string, options: CpFlags, command: Command) => {
      const [source, target] = [parseSide(from), parseSide(to)];
      if ((source.id === undefined) === (target.id === undefined)) {
        throw new CliError("one side is a container, as ID:PATH, and the other is not");
      }
      await withDaemon(command, (daemon) => run(daemon, source, target, options));
    });
}

/** One side of a copy: a path in a container, or on the host. */
interface Side {
  readonly id?: string;
  readonly path: string;
}

/** Distinguishes `ID:PATH` from a path of the host, which begins with `/` or `.` if it has a colon. */
function parseSide(text: string): Side {
  const colon = text.indexOf(":");
  if (text === "") throw new CliError("an empty path: give ID:PATH, or a path of the host");
  if (colon < 1 || /^[./]/.test(text) || text.slice(0, colon).includes("/")) return { path: text };
  const id = text.slice(0, colon);
  checkId(id);
  const path = text.slice(colon + 1);
  if (path === "") throw new CliError(`${text}: give a path in the container`);
  // As docker: from the root on.
  return { id, path: path.startsWith("/") ? path : `/${path}` };
}

async function run(
  daemon: DaemonConnection,
  from: Side,
  to: Side,
  options: CpFlags,
): Promise<void> {
  using root = await ContainerRoot.open(daemon, from.id ?? to.id ?? "");
  const onSkipped = (path: string, reason: string) =>
    printStderr(`berth: ${escapeControls(path)} is not copied: ${reason}`);
  const place = ({ id, path }: Side) => new Place(path, id === undefined ? undefined : root);
  if (from.id === undefined && from.path === "-") {
    // The owners of an archive are those that it names.
    return await extract(readInput(), place(to), { owner: "archive", onSkipped });
  }
  const source = sourceAt(place(from), options.followLink ?? false);
  if (to.id === undefined && to.path === "-") {
    const as = source.contentOnly ? "." : source.place.name || ".";
    for await (const chunk of packSource(source, as, onSkipped)) await writeOutput(chunk);
    return;
  }
  const here = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };
  const owner = options.archive ? "archive" : to.id === undefined ? here : root.owner;
  await copy(source, targetAt(source, place(to)), { owner, onSkipped });
}

async function writeOutput(chunk: Uint8Array): Promise<void> {
  try {
    await writeToSink(Deno.stdout, chunk);
  } catch (error) {
    if (unwritable(Deno.stdout, error) === "unwritable") exitUnread();
  }
}

async function* readInput() {
  const buffer = new Uint8Array(64 * 1024);
  const read = () =>
    Deno.stdin.read(buffer).catch((error) => {
      throw pathError("standard input", "read", error);
    });
  for (let length; (length = await read()) !== null;) yield buffer.slice(0, length);
}
