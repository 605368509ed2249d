// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { countOpenFds } from "./fd_testing.ts";
import { until } from "../../../tests/harness/poll.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { ConsoleSocket } from "./console_socket.ts";
import { EADDRINUSE, EAGAIN, EBADMSG, isErrno } from "../libc/errno.ts";
import { OwnedFd, read } from "./fd.ts";
import { getWinsize } from "./pty_testing.ts";
import { Reaper } from "../process/reaper.ts";
import { testNeeding } from "../../../scripts/test_needing.ts";

/** A bundle whose container writes its terminal's size and waits. */
function makeBundle(directory: string): void {
  Deno.mkdirSync(`${directory}/rootfs/bin`, { recursive: true });
  Deno.mkdirSync(`${directory}/rootfs/proc`);
  Deno.copyFileSync("/usr/bin/busybox", `${directory}/rootfs/bin/busybox`);
  const spec = {
    ociVersion: "1.0.2",
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["/bin/busybox", "echo", "hello"],
      env: ["PATH=/bin"],
      cwd: "/",
      consoleSize: { width: 91, height: 17 },
    },
    root: { path: "rootfs" },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance"] },
    ],
    linux: { namespaces: [{ type: "pid" }, { type: "mount" }] },
  };
  Deno.writeTextFileSync(`${directory}/config.json`, JSON.stringify(spec));
}

// crun refuses a machine where v2 has controllers beside v1's, so it does not get to see v2.
const UNIFIED = "/sys/fs/cgroup/unified";
const WITHOUT_V2 = `mountpoint -q ${UNIFIED} && umount ${UNIFIED}; exec crun "$@"`;
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  runc: ["runc"],
  crun: ["unshare", "-m", "sh", "-c", WITHOUT_V2, "crun"],
};

for (const [runtime, command] of Object.entries(RUNTIMES)) {
  testNeeding(
    [runtime],
    `console socket: ${runtime} has sent the master by the time that it returns`,
    async () => {
      using temp = new TempDir();
      const directory = temp.path;
      makeBundle(directory);
      const id = `berth-console-${crypto.randomUUID()}`;
      using reaper = Reaper.start({ reapAll: false });
      using error = OwnedFd.open(`${directory}/error`, 0o102);
      const run = async (...args: string[]) => {
        const argv = [...command, "--root", `${directory}/state`, ...args];
        const { status } = await reaper.spawn(argv, { stderr: error.fd }).exited;
        assert.equal(status, 0, Deno.readTextFileSync(`${directory}/error`));
      };
      const path = `${directory}/console.sock`;
      {
        using socket = ConsoleSocket.listen(path);
        assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
        await run("create", "--bundle", directory, "--console-socket", path, id);
        try {
          using master = new OwnedFd(socket.receiveMaster());
          assert.deepEqual(getWinsize(master.fd), { width: 91, height: 17 });
          const buffer = new Uint8Array(64);
          assert.throws(() => read(master.fd, buffer), (error) => isErrno(error, EAGAIN));
          await run("start", id);
          assert.equal(await readLine(master.fd), "hello\r\n");
        } finally {
          await run("delete", "--force", id);
        }
      }
      assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
    },
  );
}

/** Polls a non-blocking fd for a line, which is all that this test should depend on. */
async function readLine(fd: number): Promise<string> {
  const buffer = new Uint8Array(64);
  // The kernel writes the line's end by itself: it may come alone.
  let line = "";
  return await until("a line from the terminal", () => {
    try {
      line += new TextDecoder().decode(buffer.subarray(0, read(fd, buffer)));
    } catch (error) {
      if (!isErrno(error, EAGAIN)) throw error;
    }
    return line.endsWith("\n") && line;
  });
}

Deno.test("ConsoleSocket: no connection, no message and a message without an fd are told apart, and leak nothing", async () => {
  using temp = new TempDir();
  const directory = temp.path;
  const path = `${directory}/console.sock`;
  const before = countOpenFds();
  {
    using socket = ConsoleSocket.listen(path);
    assert.throws(() => ConsoleSocket.listen(path), (error) => isErrno(error, EADDRINUSE));
    assert.throws(() => socket.receiveMaster(), (error) => {
      return isErrno(error, EAGAIN) && error.syscall === "accept";
    });
    using _silent = await Deno.connect({ transport: "unix", path });
    assert.throws(() => socket.receiveMaster(), (error) => {
      return isErrno(error, EAGAIN) && error.syscall === "recvmsg";
    });
    using wrong = await Deno.connect({ transport: "unix", path });
    await wrong.write(new Uint8Array(8));
    assert.throws(() => socket.receiveMaster(), (error) => isErrno(error, EBADMSG));
  }
  assert.equal(countOpenFds(), before);
});
