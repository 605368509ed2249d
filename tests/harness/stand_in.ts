// SPDX-License-Identifier: MIT

/** Writes a shell script that can be executed, in place of what was there; returns its path. */
export function writeScript(path: string, text: string): string {
  Deno.writeTextFileSync(path, `#!/bin/sh\n${text}\n`);
  Deno.chmodSync(path, 0o755);
  return path;
}

/** A shell script that stands in for a program of PATH, in a directory of its own until it is disposed. */
export class StandIn implements Disposable {
  /** To be put in front of PATH. */
  readonly dir = Deno.makeTempDirSync({ prefix: "stand-in-" });
  /** PATH in which the script is found first. */
  readonly env: { readonly PATH: string };
  readonly #path = Deno.env.get("PATH") ?? "";

  /** Makes one of this name; `$0` is its path. */
  constructor(name: string, script: string) {
    writeScript(`${this.dir}/${name}`, script);
    this.env = { PATH: `${this.dir}:${this.#path}` };
  }

  /** Makes one that this process finds too. */
  static forThisProcess(name: string, script: string): StandIn {
    const standIn = new StandIn(name, script);
    Deno.env.set("PATH", standIn.env.PATH);
    return standIn;
  }

  [Symbol.dispose](): void {
    if (Deno.env.get("PATH") === this.env.PATH) Deno.env.set("PATH", this.#path);
    Deno.removeSync(this.dir, { recursive: true });
  }
}
