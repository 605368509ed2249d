// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { until } from "../../../tests/harness/poll.ts";
import { exists } from "../fs/exists.ts";
import { attachLoopDevice } from "./loop_device.ts";

Deno.test({
  name: "attachLoopDevice: a file is a block device until nobody has that open",
  ignore: !exists("/dev/loop-control"),
  async fn() {
    using temp = new TempDir();
    const file = `${temp.path}/disk`;
    Deno.writeTextFileSync(file, "x".repeat(512) + "y".repeat(512));
    const backing = (path: string) => `/sys/block/${path.replace("/dev/", "")}/loop/backing_file`;
    const paths = [false, true].map((readOnly) => {
      using device = attachLoopDevice(file, readOnly);
      assert.equal(Deno.readTextFileSync(device.path), Deno.readTextFileSync(file));
      assert.equal(Deno.readTextFileSync(backing(device.path)), `${file}\n`);
      const write = () => Deno.writeTextFileSync(device.path, "z".repeat(512), { create: false });
      if (readOnly) assert.throws(write);
      else write();
      return device.path;
    });
    assert.match(Deno.readTextFileSync(file), /^z{512}y{512}$/);
    await until("free devices", () => !paths.some((path) => exists(backing(path))));
    assert.throws(() => attachLoopDevice(`${temp.path}/none`, true), /ENOENT/);
  },
});
