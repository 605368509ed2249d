// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../tests/harness/poll.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { exists } from "../linux/fs/exists.ts";
import { baseName } from "../linux/fs/path_names.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { ShimSocket } from "./bootstrap/socket.ts";
import { ContainerdLog } from "./log.ts";
import { ContainerdShim } from "./shim.ts";

Deno.test("ContainerdShim ends when it was idle for its time, but not while there is a connection", async () => {
  using temp = new TempDir();
  using reaper = Reaper.start({ reapAll: false });
  using log = new ContainerdLog(false);
  const ended: string[] = [];
  const bind = async (name: string) => {
    const socket = await ShimSocket.bind(`${temp.path}/s/${name}`);
    assert.ok(socket);
    return socket;
  };
  const serve = (socket: ShimSocket) => {
    const onDone = () => void ended.push(baseName(socket.path));
    const deliver = () => Promise.resolve();
    new ContainerdShim({ namespace: "n", socket, reaper, deliver, log, idleMs: 500, onDone });
  };
  const connected = await bind("connected"), idle = await bind("idle");
  // From before its time begins until after the whole time of the other.
  const conn = await Deno.connect({ transport: "unix", path: connected.path });
  serve(connected);
  serve(idle);
  await until("the end of the idle one", () => ended.length > 0);
  assert.deepEqual(ended, ["idle"]);
  assert.deepEqual([exists(idle.path), exists(connected.path)], [false, true]);
  conn.close();
  await until("the end of the other", () => ended.length > 1);
  assert.ok(!exists(connected.path));
});
