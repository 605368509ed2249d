// SPDX-License-Identifier: MIT
// The files that `berth install` puts in place.
import type { Command } from "commander";
import { ifThere } from "../../linux/fs/if_there.ts";
import { baseName, parentDir } from "../../linux/fs/path_names.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { errnoMessageOf, errnoNameOf, isExhausted } from "../../linux/libc/errno.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { CliError } from "../common/exit_status.ts";
import { commandManPage, manPage } from "../text/man_page.ts";

/** A file that `berth install` puts in place. */
export interface InstalledFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
  /** The option that chooses another place. */
  readonly option: string;
}

/**
 * Writes a file, and its directory where that is missing. Readers of the old file keep that. No other
 * file is written to on the way, whatever its name.
 *
 * @throws {CliError} for a directory that is none, or where no file can be written.
 */
export function installFile({ path, text, mode, option }: InstalledFile): void {
  const dir = parentDir(path) || (path.startsWith("/") ? "/" : ".");
  try {
    Deno.mkdirSync(dir, { recursive: true });
    const draft = Deno.makeTempFileSync({ dir, prefix: `${baseName(path)}.`, suffix: ".draft" });
    try {
      Deno.writeTextFileSync(draft, text);
      // Whatever the umask.
      Deno.chmodSync(draft, mode);
      Deno.renameSync(draft, path);
    } catch (error) {
      removeFile(draft);
      throw error;
    }
  } catch (error) {
    throw refusal(error, `cannot write ${path}`, `${option} chooses another place`);
  }
}

/**
 * Removes a file; returns whether there was one.
 *
 * @throws {CliError} for a file that cannot be removed.
 */
export function removeInstalled(path: string): boolean {
  try {
    return ifThere(() => {
      Deno.removeSync(path);
      return true;
    }) ?? false;
  } catch (error) {
    throw refusal(error, `cannot remove ${path}`);
  }
}

/** Returns an error of the file system in words; as it is where its own text has advice. */
function refusal(error: unknown, what: string, advice?: string): unknown {
  const name = errnoNameOf(error);
  if (name === undefined || isExhausted(error)) return error;
  const text = [what, errnoMessageOf(error), ...advice === undefined ? [] : [advice]].join(": ");
  return new CliError(text, { cause: error });
}

/**
 * Returns the man pages and completions, where man(1) and the shells look for those of programs
 * below `prefix`. A page `berth-run.1` is what `man berth run` shows.
 */
export function shellFiles(program: Command, prefix: string): InstalledFile[] {
  const share = `${prefix.replace(/\/+$/, "")}/share`;
  const files: [path: string, text: string][] = [
    ["man/man1/berth.1", manPage(program)],
    ...program.commands.map((
      command,
    ): [string, string] => [`man/man1/berth-${command.name()}.1`, commandManPage(command)]),
    ["bash-completion/completions/berth", bashCompletion(program)],
    ["zsh/site-functions/_berth", zshCompletion(program)],
    ["fish/vendor_completions.d/berth.fish", fishCompletion(program)],
  ];
  return files.map(([path, text]) => ({
    path: `${share}/${path}`,
    text,
    mode: 0o644,
    option: "--prefix",
  }));
}

/** What the file of the shim begins with, within its first {@linkcode BEGINNING} bytes. */
const MADE_BY = '"berth install containerd-shim" has made this file';

const BEGINNING = 512;

/**
 * Checks that a path is free for the file of the shim: nothing is there, or such a file, or a link to
 * berth. Another program may have the name: containerd's own shims are in the same directory.
 *
 * @throws {CliError} otherwise.
 */
export function checkShimPath(path: string): void {
  const found = lstatAt(path);
  if (found === undefined) return;
  const isOwn = found.isSymlink
    ? /(?:^|\/)berth$/.test(Deno.readLinkSync(path))
    : found.isFile && beginningOf(path).includes(MADE_BY);
  if (isOwn) return;
  throw new CliError(
    `${path} is not of berth install containerd-shim, and is left as it is: --dir and --name choose another place`,
  );
}

function lstatAt(path: string): Deno.FileInfo | undefined {
  try {
    return ifThere(() => Deno.lstatSync(path));
  } catch (error) {
    throw refusal(error, `cannot look at ${path}`, "--dir chooses another place");
  }
}

function beginningOf(path: string): string {
  using file = Deno.openSync(path);
  const buffer = new Uint8Array(BEGINNING);
  const length = file.readSync(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, length));
}
