// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { containerdLauncher } from "./containerd_launcher.ts";

/** Runs the launcher's test of whether its command is the installed berth's; the exit status. */
function current(launcher: string): number {
  const test = /^current\(\) \{\n[^]*?^\}$/m.exec(launcher)?.[0] ?? "";
  assert.match(test, /sum=/);
  return new Deno.Command("sh", { args: ["-c", `${test}\ncurrent`] }).outputSync().code;
}

Deno.test("containerdLauncher leaves a start to the portable file where what it unpacked is gone or of another", async () => {
  using temp = new TempDir();
  const file = `${temp.path}/berth`;
  // What the file begins with, as the build writes it.
  const header = Deno.readTextFileSync(
    new URL("../../../scripts/build/portable_header.sh", import.meta.url),
  );
  const write = (sum: string) => Deno.writeTextFileSync(file, header.replaceAll("@SUM@", sum));
  write("1234");
  Deno.env.set("BERTH_FILE", file);
  try {
    const launcher = await containerdLauncher({ waiting: true });
    assert.equal(current(launcher), 0);
    assert.equal(current(launcher.replaceAll(Deno.execPath(), `${temp.path}/gone`)), 1);
    write("5678");
    assert.equal(current(launcher), 1);
    // Not read to its end, which may be far.
    Deno.writeTextFileSync(file, "#!/bin/sh\n\nsum=1234\n");
    assert.equal(current(launcher), 1);
  } finally {
    Deno.env.delete("BERTH_FILE");
  }
});
