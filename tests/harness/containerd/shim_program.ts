// SPDX-License-Identifier: MIT
import { writeScript } from "../stand_in.ts";
import { program, shellProgram } from "../run.ts";

/** The name by which containerd calls the program. */
const SHIM_NAME = "containerd-shim-berth-v2";

/** Puts a file with the name of a shim into `dir`, which runs the berth under test; its path. */
export function installShim(dir: string, name = SHIM_NAME): string {
  const path = `${dir}/${name}`;
  const [file = "", ...args] = program();
  if (args.length === 0) {
    Deno.symlinkSync(file, path);
    return path;
  }
  const text = `export BERTH_ARGV0="$0" DENO_NO_UPDATE_CHECK=1\nexec ${shellProgram()} "$@"`;
  return writeScript(path, text);
}

/** Makes berth write the file that containerd calls. Returns its path. */
export function installLauncher(dir: string): string {
  const [file = "", ...args] = program();
  const { success, stderr } = new Deno.Command(file, {
    args: [...args, "install", "containerd-shim", "--dir", dir],
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return `${dir}/${SHIM_NAME}`;
}

/** Writes all of its stdin to a child, which may have ended before without reading it. */
export async function feed(child: Deno.ChildProcess, input: Uint8Array): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new Uint8Array(input));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Where a shim says that it listens, whichever form it says it in. */
export function addressIn(stdout: Uint8Array): string {
  const text = new TextDecoder().decode(stdout);
  const address: unknown = text.startsWith("{") ? JSON.parse(text).address : text;
  return String(address).replace("unix://", "");
}
