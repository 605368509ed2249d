// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { uniqueName } from "../../tests/harness/run.ts";
import { testNeeding } from "../test_needing.ts";
import { ContainerdDaemon } from "./containerd_daemon.ts";

testNeeding(
  ["containerd"],
  "ContainerdDaemon: at its end it removes the sockets of its own shims alone",
  async () => {
    using temp = new TempDir();
    const sockets = "/run/containerd/s";
    const had = existsSync("/run/containerd");
    const paths = ["own", "other"].map((name) => `${sockets}/${uniqueName(name)}`);
    const [own = "", other = ""] = paths;
    {
      const state = `${temp.path}/state`;
      await using _daemon = await ContainerdDaemon.start(`${temp.path}/c`, state);
      Deno.mkdirSync(sockets, { recursive: true });
      for (const path of paths) Deno.writeTextFileSync(path, "");
      const bundle = `${state}/io.containerd.runtime.v2.task/default/c`;
      Deno.mkdirSync(bundle, { recursive: true });
      Deno.writeTextFileSync(`${bundle}/address`, `unix://${own}`);
    }
    assert.deepEqual([own, other].map((path) => existsSync(path)), [false, true]);
    Deno.removeSync(other);
    if (!had) Deno.removeSync("/run/containerd", { recursive: true });
  },
);
