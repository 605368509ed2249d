// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { O_NONBLOCK, OwnedFd, pipe2, readAvailable, write } from "../../linux/fd/fd.ts";
import { EAGAIN, isErrno } from "../../linux/libc/errno.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";

/** Runs a script that says so on stdout, then prints an error and exits with 3; stderr is the fd. */
function printing(reaper: Reaper, stderr: number) {
  const print = new URL("./print.ts", import.meta.url);
  const script =
    `import { printError } from "${print}"; Deno.stdout.writeSync(new Uint8Array(1)); ` +
    `printError(new Error("told")); Deno.exit(3)`;
  const file = Deno.makeTempFileSync({ suffix: ".ts" });
  Deno.writeTextFileSync(file, script);
  const ends = pipe2(O_NONBLOCK);
  using stdout = new OwnedFd(ends.write);
  const child = reaper.spawn([Deno.execPath(), "run", "-A", file], { stdout: stdout.fd, stderr });
  const said = new OwnedFd(ends.read);
  return {
    child,
    /** Whether it is about to print, or has. */
    hasBegun: () => (readAvailable(said.fd, new Uint8Array(1)) ?? 0) > 0,
    [Symbol.dispose]: () => {
      said[Symbol.dispose]();
      Deno.removeSync(file);
    },
  };
}

/** Fills a pipe; returns with how much. */
function fill(fd: number): number {
  const bytes = new Uint8Array(512);
  for (let filled = 0;;) {
    try {
      filled += write(fd, bytes);
    } catch (error) {
      if (!isErrno(error, EAGAIN)) throw error;
      return filled;
    }
  }
}

Deno.test("print: a full pipe that another has made non-blocking is waited for", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const ends = pipe2(O_NONBLOCK);
  using reader = new OwnedFd(ends.read);
  using writer = new OwnedFd(ends.write);
  const filled = fill(writer.fd);
  using printer = printing(reaper, writer.fd);
  let status: number | undefined;
  printer.child.exited.then((exit) => status = exit.status);
  const deadline = performance.now() + 60_000;
  const look = async () => {
    if (performance.now() > deadline) printer.child.kill(SIGKILL);
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  while (status === undefined && !printer.hasBegun()) await look();
  // It may try in vain for a while.
  for (let looks = 0; looks < 10; looks++) await look();
  const buffer = new Uint8Array(filled + 512);
  let text = "";
  const take = () => {
    const count = readAvailable(reader.fd, buffer) ?? 0;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  };
  while (status === undefined) {
    take();
    await look();
  }
  take();
  assert.equal(text.replaceAll("\0", ""), "berth: told\n");
  assert.equal(status, 3);
});

Deno.test("print: where stderr cannot be written the exit status stays", async () => {
  using reaper = Reaper.start({ reapAll: false });
  using full = OwnedFd.open("/dev/full", 1);
  using printer = printing(reaper, full.fd);
  assert.equal((await printer.child.exited).status, 3);
});
