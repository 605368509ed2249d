// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { O_NONBLOCK, OwnedFd, pipe2, readAvailable, write } from "../../linux/fd/fd.ts";
import { EAGAIN, isErrno } from "../../linux/libc/errno.ts";
import { Reaper } from "../../linux/process/reaper.ts";

/** Runs a script that prints an error and then exits with 3; stderr is the fd, stdout `/dev/null`. */
function printing(reaper: Reaper, stderr: number) {
  const print = new URL("./print.ts", import.meta.url);
  const script =
    `import { printError } from "${print}"; printError(new Error("told")); Deno.exit(3)`;
  const file = Deno.makeTempFileSync({ suffix: ".ts" });
  Deno.writeTextFileSync(file, script);
  const child = reaper.spawn([Deno.execPath(), "run", "-A", file], { stderr });
  return {
    exited: child.exited,
    [Symbol.dispose]: () => Deno.removeSync(file),
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
  using child = printing(reaper, writer.fd);
  let status: number | undefined;
  child.exited.then((exit) => status = exit.status);
  const buffer = new Uint8Array(filled + 512);
  let text = "";
  // Nothing is read before the child has tried: it shows by having opened what it is to import.
  for (let looks = 0; status === undefined || looks < 2; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (status === undefined && looks < 100) continue;
    const count = readAvailable(reader.fd, buffer) ?? 0;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  assert.equal(text.replaceAll("\0", ""), "berth: told\n");
  assert.equal(status, 3);
});

Deno.test("print: where stderr cannot be written the exit status stays", async () => {
  using reaper = Reaper.start({ reapAll: false });
  using full = OwnedFd.open("/dev/full", 1);
  using child = printing(reaper, full.fd);
  assert.equal((await child.exited).status, 3);
});
