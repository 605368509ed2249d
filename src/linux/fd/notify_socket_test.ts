// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { ENOENT, isErrno, LinuxError } from "../libc/errno.ts";
import { notifyServiceManager } from "./notify_socket.ts";
import { testNeeding } from "../../../scripts/test_needing.ts";

/** Receives one datagram on `address` (socat's words, from `cwd`) that `send` sends. */
async function receive(
  options: { address: string; cwd: string; listens: () => boolean; send: () => void },
): Promise<string> {
  const receiver = new Deno.Command("socat", {
    args: ["-u", options.address, "-"],
    cwd: options.cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = receiver.stdout.getReader();
  try {
    await until("socat listens", options.listens);
    options.send();
    const { value } = await reader.read();
    return new TextDecoder().decode(value);
  } finally {
    // Before it loses its output, which may end it.
    receiver.kill("SIGKILL");
    await reader.cancel();
    await receiver.status;
  }
}

testNeeding(
  ["socat"],
  "notifyServiceManager: the message arrives on a socket file, also behind a long path",
  async () => {
    using temp = new TempDir();
    const dir = temp.path;
    for (const name of ["short", "deep".repeat(30)]) {
      const sub = `${dir}/${name}`;
      Deno.mkdirSync(sub);
      const text = await receive({
        address: "UNIX-RECV:s",
        cwd: sub,
        listens: () => Array.from(Deno.readDirSync(sub)).length > 0,
        send: () => notifyServiceManager(`${sub}/s`, ["READY=1", "STATUS=fine"]),
      });
      assert.equal(text, "READY=1\nSTATUS=fine");
    }
  },
);

testNeeding(
  ["socat"],
  "notifyServiceManager: the message arrives on an abstract socket",
  async () => {
    const name = `berth-test-${Deno.pid}`;
    const text = await receive({
      address: `ABSTRACT-RECV:${name}`,
      cwd: "/",
      listens: () => Deno.readTextFileSync("/proc/net/unix").includes(`@${name}`),
      send: () => notifyServiceManager(`@${name}`, ["READY=1"]),
    });
    assert.equal(text, "READY=1");
  },
);

Deno.test("notifyServiceManager: nobody there is an error", () => {
  assert.throws(
    () => notifyServiceManager("/nonexistent/notify", ["READY=1"]),
    (error) => isErrno(error, ENOENT),
  );
  assert.throws(
    () => notifyServiceManager(`@berth-nobody-${Deno.pid}`, ["READY=1"]),
    (error) => error instanceof LinuxError && error.code === "ECONNREFUSED",
  );
});
