// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, OwnedFd } from "./fd.ts";
import { hasReader, mkfifo } from "./fifo.ts";
import { Poller } from "./poller.ts";

/** Has `use` called with a FIFO, open for writing but not for reading, and a poller. */
async function withFifo(
  use: (writer: number, open: () => OwnedFd, poller: Poller) => Promise<void>,
): Promise<void> {
  using temp = new TempDir();
  const dir = temp.path;
  await using poller = new Poller();
  const path = `${dir}/fifo`;
  mkfifo(path);
  using both = OwnedFd.open(path, O_RDWR | O_NONBLOCK);
  using writer = OwnedFd.open(path, O_WRONLY | O_NONBLOCK);
  both[Symbol.dispose]();
  await use(writer.fd, () => OwnedFd.open(path, O_RDONLY | O_NONBLOCK), poller);
}

Deno.test("open watch: each watch of a file is told that it was opened, until it is disposed of", async () => {
  await withFifo(async (writer, open, poller) => {
    const told = [0, 0];
    let next = Promise.withResolvers<void>();
    const first = poller.opens.add(writer, () => told[0]!++);
    using _second = poller.opens.add(writer, () => {
      told[1]!++;
      if (hasReader(writer)) next.resolve();
    });
    using reader = open();
    await next.promise;
    assert.deepEqual(told, [1, 1]);
    first[Symbol.dispose]();
    reader[Symbol.dispose]();
    next = Promise.withResolvers();
    using _again = open();
    await next.promise;
    assert.deepEqual(told, [1, 2]);
  });
});

Deno.test("open watch: an open is noticed where there is no inotify instance to be had", async () => {
  const module = (name: string) => JSON.stringify(import.meta.resolve(name));
  const program = `
    import { O_NONBLOCK, O_RDONLY, O_RDWR, open } from ${module("./fd.ts")};
    import { mkfifo } from ${module("./fifo.ts")};
    import { Poller } from ${module("./poller.ts")};
    const path = Deno.makeTempDirSync() + "/fifo";
    mkfifo(path);
    const fd = open(path, O_RDWR | O_NONBLOCK);
    using poller = new Poller();
    await new Promise((told) => {
      poller.opens.add(fd, told);
      open(path, O_RDONLY | O_NONBLOCK);
    });
    Deno.removeSync(path.slice(0, -5), { recursive: true });
    console.log("told", Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => {
      try { return Deno.readLinkSync("/proc/self/fd/" + name); } catch { return ""; }
    }).filter((target) => target.includes("inotify")).length);`;
  // namespaces(7): the limit of a user namespace of its own leaves everybody else alone.
  const script = 'echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"';
  const { code, stdout } = await new Deno.Command("unshare", {
    args: ["-Ur", "sh", "-c", script, "sh", Deno.execPath(), "eval", "--quiet", program],
    signal: AbortSignal.timeout(60_000),
  }).output();
  assert.equal(code, 0);
  assert.equal(new TextDecoder().decode(stdout), "told 0\n");
});
