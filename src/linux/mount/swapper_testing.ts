// SPDX-License-Identifier: MIT

/** renameat2(2) with RENAME_EXCHANGE, so that each of the two names is there at any moment. */
const PROGRAM = `import ctypes, os, sys
path, target = (os.fsencode(arg) for arg in sys.argv[1:])
other = path + b".swapped"
os.symlink(target, other)
rename = ctypes.CDLL(None, use_errno=True).renameat2
while True: rename(-100, path, -100, other, 2)`;

/** A program that swaps a directory for a symlink and back, as fast as it can. */
export class Swapper implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Starts to swap `path` for a symlink to `target`; returns once it was seen to. */
  static async start(path: string, target: string): Promise<Swapper> {
    const child = new Deno.Command("python3", {
      args: ["-c", PROGRAM, path, target],
      stdin: "null",
    }).spawn();
    const swapper = new Swapper(child);
    const deadline = Date.now() + 60_000;
    while (!Deno.lstatSync(path).isSymlink) {
      if (Date.now() > deadline) {
        await swapper[Symbol.asyncDispose]();
        throw new Error(`nothing swaps ${path}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return swapper;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
}
