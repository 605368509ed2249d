// SPDX-License-Identifier: MIT

/** An empty directory, which is removed with all that is in it when this is disposed. */
export class TempDir implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "berth-test-" });

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
