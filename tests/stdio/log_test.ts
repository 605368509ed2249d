// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EAGAIN, isErrno } from "../../src/linux/libc/errno.ts";
import { O_NONBLOCK, O_RDWR, OwnedFd, read, write } from "../../src/linux/fd/fd.ts";
import { mkfifo } from "../../src/linux/fd/fifo.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until, within } from "../harness/poll.ts";
import { program, runDir, uniqueName } from "../harness/run.ts";

/** Writes or reads until it would have to wait. */
function exhaust(step: () => void): void {
  try {
    for (;;) step();
  } catch (error) {
    if (!isErrno(error, EAGAIN)) throw error;
  }
}

Deno.test("log: a daemon whose log nobody reads goes on, and the log goes on with its reader", async () => {
  const path = `${runDir()}/${uniqueName("log")}`;
  mkfifo(path, 0o600);
  using fifo = OwnedFd.open(path, O_RDWR | O_NONBLOCK);
  await using daemon = await TestDaemon.start({
    program: ["sh", "-c", 'exec "$@" 2>"$0"', path, ...program()],
  });
  const fill = new TextEncoder().encode("-");
  exhaust(() => write(fifo.fd, fill));
  assert.equal(await within("a whole life", daemon.life("c")), 0);
  daemon.signal("SIGHUP");
  assert.equal(await within("another", daemon.life("d")), 0);

  const buffer = new Uint8Array(65_536);
  let log = "";
  await until("the lines that nobody read", () => {
    exhaust(() => log += new TextDecoder().decode(buffer.subarray(0, read(fifo.fd, buffer))));
    return /c: exit.*SIGHUP.*d: exit/s.test(log);
  });
  await daemon.stop();
  Deno.removeSync(path);
});

Deno.test("log: a value in the message of a JSON line is quoted once, as JSON", async () => {
  const path = `${runDir()}/${uniqueName("log")}`;
  await using daemon = await TestDaemon.start({
    config: '[log]\nformat = "json"',
    program: ["sh", "-c", 'exec "$@" 2>"$0"', path, ...program()],
  });
  const line = await until(
    "the line in the log",
    () => /^.*"listening .*(?=\n)/m.exec(Deno.readTextFileSync(path))?.[0],
  );
  const record: { message: string; properties: { socket: string } } = JSON.parse(line);
  assert.equal(record.message, `listening on ${record.properties.socket} with 0 containers`);
  assert.equal(record.properties.socket, daemon.socket);
  Deno.removeSync(path);
});

Deno.test("log: a daemon that may not lower the OOM score of its shims says so in one line", async () => {
  await using daemon = await TestDaemon.start({
    program: ["setpriv", "--bounding-set", "-sys_resource", ...program()],
  });
  const lines = await until("the line in the log", () => {
    const lines = daemon.log.split("\n");
    const index = lines.findIndex((line) => line.includes("CAP_SYS_RESOURCE"));
    return index >= 0 && lines.length > index + 2 && lines.slice(index, index + 2);
  });
  assert.match(lines[0] ?? "", /\[inf\] berth\.shim: without CAP_SYS_RESOURCE shims keep /);
  // Another message, no stack.
  assert.match(lines[1] ?? "", /^\S+Z \[/);
});
