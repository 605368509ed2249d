// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isExhausted } from "../../src/linux/libc/errno.ts";
import { mount } from "../../src/linux/mount/mount.ts";
import { unmount } from "../../src/linux/mount/unmount.ts";

/** A filesystem of a few bytes, a tmpfs, that is mounted until it is disposed. */
export class SmallDisk implements Disposable {
  readonly dir: string;

  /** Mounts it at `dir`, made where it is not there; `options` as `size=1m` (tmpfs(5)). */
  constructor(dir: string, ...options: readonly string[]) {
    this.dir = dir;
    Deno.mkdirSync(dir, { recursive: true });
    mount({ type: "tmpfs", source: "tmpfs", target: dir, options: ["mode=700", ...options] });
  }

  /** Fills it but for so many bytes, with a file `filler` if no other is named. */
  fill(left = 0, path = `${this.dir}/filler`): void {
    for (const size of [64 * 1024, 4096, 1]) {
      assert.throws(() => {
        for (;;) Deno.writeFileSync(path, new Uint8Array(size), { append: true });
      }, isExhausted);
    }
    Deno.truncateSync(path, Deno.statSync(path).size - left);
  }

  /** Removes what {@linkcode fill} has written. */
  empty(): void {
    Deno.removeSync(`${this.dir}/filler`);
  }

  /** Gives it another size, such as `1m`. */
  resize(size: string): void {
    mount({ type: "tmpfs", target: this.dir, options: ["remount", `size=${size}`] });
  }

  [Symbol.dispose](): void {
    unmount(this.dir, { detach: true });
  }
}
