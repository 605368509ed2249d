// SPDX-License-Identifier: MIT
import { findCommand } from "../../../scripts/system_packages.ts";
import { StandIn } from "../stand_in.ts";
import { exists } from "../../../src/linux/fs/exists.ts";

/**
 * A skopeo that waits after one of its commands until it is released, or disposed of. What is to run it is
 * given {@linkcode env}.
 */
export class PausedSkopeo implements Disposable {
  /** The environment in which it is found. */
  readonly env: Readonly<Record<string, string>>;
  readonly #skopeo: StandIn;

  constructor(command: "copy" | "delete" = "copy") {
    this.#skopeo = new StandIn(
      "skopeo",
      `"${findCommand("skopeo")}" "$@" || exit
case " $* " in *" ${command} "*) dir=\${0%/*}; : >"$dir/waits"
while [ -e "$0" ] && [ ! -e "$dir/go" ]; do sleep 0.02; done;; esac`,
    );
    this.env = this.#skopeo.env;
  }

  /** Whether the command has been run. */
  get waits(): boolean {
    return exists(`${this.#skopeo.dir}/waits`);
  }

  /** Lets it go on. */
  release(): void {
    Deno.writeTextFileSync(`${this.#skopeo.dir}/go`, "");
  }

  [Symbol.dispose](): void {
    this.#skopeo[Symbol.dispose]();
  }
}
