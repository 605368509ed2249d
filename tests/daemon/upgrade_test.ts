// SPDX-License-Identifier: MIT
//
// The one file that is shipped, in its portable form: replaced while it runs, and alone in a root.
import assert from "node:assert/strict";
import { SIGTERM } from "../../src/linux/process/signals.ts";
import { VERSION } from "../../src/version.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { buildPortable } from "../harness/program/portable.ts";
import { hasTrap, processesOf } from "../harness/processes.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { baseName } from "../harness/run.ts";

Deno.test("upgrade: the file is replaced while daemon and shims run; old shims go on under the new daemon", async () => {
  await using place = TestDaemon.prepare();
  const file = `${place.dir}/berth`;
  await buildPortable(file);
  await using daemon = await TestDaemon.start({
    program: [file],
    env: { BERTH_CACHE: `${place.dir}/cache` },
    config: "[shim]\nkeep = 0",
  });
  const info = await daemon.client.call("daemon.info", {});
  assert.equal(info.version, VERSION);
  const pid = await daemon.run("old", [
    "sh",
    "-c",
    "trap 'exit 5' TERM; while :; do sleep 0.1; done",
  ]);
  await until("its trap", () => hasTrap(pid, SIGTERM));
  const { shimPid } = await daemon.stateOf("old");

  await buildPortable(`${file}.new`, "9.9.9");
  await Deno.rename(`${file}.new`, file);
  assert.equal(await daemon.life("between"), 0, "the old daemon starts shims until it is stopped");
  await daemon.stop();
  await daemon.start();
  await daemon.connected("old");
  assert.equal((await daemon.client.call("daemon.info", {})).version, "9.9.9");
  const state = await daemon.stateOf("old");
  assert.deepEqual(
    [state.status, state.pid, state.shimPid, state.shim],
    ["running", pid, shimPid, "connected"],
  );
  const exec = await daemon.client.call("container.exec", {
    id: "old",
    process: { args: ["true"] },
  });
  const { execId } = exec;
  assert.equal((await daemon.exitOf("old", execId)).exitStatus, 0);
  assert.equal(await daemon.life("new"), 0);
  await daemon.client.call("container.kill", { id: "old", signal: "TERM" });
  assert.equal((await daemon.exitOf("old")).exitStatus, 5);
  assert.equal((await daemon.client.call("container.delete", { id: "old" })).exitStatus, 5);
});

Deno.test("upgrade: with its unpacked files gone, a daemon that was started by a link still starts shims", async () => {
  await using place = TestDaemon.prepare();
  const file = `${place.dir}/berth`;
  await buildPortable(file);
  await Deno.symlink(file, `${place.dir}/berthd`);
  const cache = `${place.dir}/cache`;
  await using daemon = await TestDaemon.start({
    program: [`${place.dir}/berthd`],
    env: { BERTH_CACHE: cache },
    config: COLD,
  });
  assert.equal(await daemon.life("before"), 0);
  await Deno.remove(cache, { recursive: true });
  assert.equal(await daemon.life("after"), 0);
});

Deno.test("upgrade: the file works in a root with only a C library, runc and a busybox", async () => {
  await using daemon = TestDaemon.prepare();
  await buildPortable(`${daemon.dir}/berth`);
  const script = `
    set -e
    root=$1 rootfs=$2 berth=$3
    mkdir -p "$root"
    # runc pivots, which needs a root that is a mount.
    mount -t tmpfs -o mode=755 tmpfs "$root"
    cd "$root"
    mkdir -p bin lib lib64 usr/lib proc sys dev tmp etc run var/lib image
    cp "$(command -v busybox)" bin/busybox
    for name in sh sleep cat grep mount; do ln -s busybox bin/$name; done
    cp "$(command -v runc)" bin/runc
    cp "$berth" bin/berth
    # What Deno and runc are linked with, and nothing else.
    for binary in "$(command -v runc)" "$4"; do
      ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p ".\${library%/*}"
        cp -L "$library" ".$library"
      done
    done
    cp -r "$rootfs/." image
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    exec env -i PATH=/bin "$(command -v chroot)" . /bin/sh -e -c '
      berth daemon --state /run/berth --root /var/lib/berth --log-level warning &
      daemon=$!
      until berth version 2>&1 | grep -q runc; do sleep 0.1; done
      berth run --rm --rootfs /image --cgroup-parent '"$5"' -- sh -c "echo from inside; exit 3" ||
        echo "status $?"
      berth ps --json
      kill $daemon
      wait $daemon
    '`;
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: [
      "--mount",
      "sh",
      "-c",
      script,
      "sh",
      `${daemon.dir}/root`,
      rootfsDir(),
      `${daemon.dir}/berth`,
      Deno.execPath(),
      `/${daemon.cgroup}`,
    ],
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(text(stdout), "from inside\nstatus 3\n", text(stderr));
  assert.equal(code, 0, text(stderr));
  await until("the end of all processes", () => processesOf(baseName(daemon.dir)).length === 0);
});
