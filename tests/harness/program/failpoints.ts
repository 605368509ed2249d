// SPDX-License-Identifier: MIT
import { runDir, uniqueName } from "../run.ts";

/** Whether the program under test lacks failpoints, as what ships does: `ignore` for such tests. */
export const NO_FAILPOINTS = Deno.env.has("BERTH_TEST_BUILT");

/** Returns the list that arms a point to do something at its `n`-th hit, from 1 on. */
export function onHit(n: number, point: string, action: "crash" | "stop"): string {
  return `${point}=${n === 1 ? "" : `${n - 1}*off->`}${action}`;
}

/**
 * Arms the failpoints of a daemon and its shims while they run; see `src/failpoint.ts` for the
 * grammar. The daemon is to be started with {@linkcode env}.
 */
export class FailpointFile implements Disposable {
  readonly #path = `${runDir()}/${uniqueName("failpoints")}`;

  /** The environment for the daemon. */
  get env(): Record<string, string> {
    return { BERTH_FAILPOINTS: `@${this.#path}` };
  }

  /** Arms the points of `list`, and no other any more. */
  arm(list: string): void {
    // Renamed, for a process may read it at any time.
    Deno.writeTextFileSync(`${this.#path}.new`, list);
    Deno.renameSync(`${this.#path}.new`, this.#path);
  }

  /** Disarms every point. */
  disarm(): void {
    this.arm("");
  }

  [Symbol.dispose](): void {
    try {
      Deno.removeSync(this.#path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
