// SPDX-License-Identifier: MIT
//
// What only the compiled form may get wrong.
import assert from "node:assert/strict";
import { VERSION } from "../../src/version.ts";
import { testCompiled } from "../harness/program/compiled.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { within } from "../harness/poll.ts";
import { baseName } from "../harness/run.ts";

testCompiled(
  "compiled: no code is taken from the temporary directory, nor left in it",
  async (file) => {
    await using place = TestDaemon.prepare();
    const start = async (TMPDIR: string) => {
      await using child = new Deno.Command(file, {
        args: ["--version"],
        env: { TMPDIR },
        stdin: "null",
        stdout: "piped",
      }).spawn();
      // It unpacks itself at its first start, which takes its time.
      return (await within("berth --version", new Response(child.stdout).text(), 120_000)).trim();
    };
    const planted = `${place.dir}/planted`;
    await Deno.mkdir(planted);
    // A process that opens it to read waits for a writer, in vain.
    const fifo = `${planted}/deno-compile-${baseName(file)}.cache`;
    const { success } = await new Deno.Command("mkfifo", { args: [fifo] }).output();
    assert.ok(success);
    assert.equal(await start(planted), VERSION);
    const empty = `${place.dir}/empty`;
    await Deno.mkdir(empty);
    assert.equal(await start(empty), VERSION);
    assert.deepEqual([...Deno.readDirSync(empty)], []);
  },
);

testCompiled(
  "compiled: with its file replaced, a running daemon still starts shims",
  async (file) => {
    await using place = TestDaemon.prepare();
    const installed = `${place.dir}/berth`;
    await Deno.copyFile(file, installed);
    await using daemon = await TestDaemon.start({
      program: [installed],
      config: COLD,
    });
    assert.equal(await daemon.life("before"), 0);
    await Deno.copyFile(file, `${installed}.new`);
    await Deno.rename(`${installed}.new`, installed);
    assert.equal(await daemon.life("after"), 0);
  },
  needsItsPath,
);

/** Older runtimes of Deno open themselves by their path, and end where that is gone. */
function needsItsPath(file: string): string | undefined {
  const copy = Deno.makeTempFileSync();
  Deno.copyFileSync(file, copy);
  const script = 'exec 3<"$1"; rm "$1"; exec /proc/self/fd/3 --version';
  const { success } = new Deno.Command("sh", { args: ["-c", script, "sh", copy] }).outputSync();
  return success ? undefined : "its runtime of Deno does not start from a file without a name";
}
